//! `get system status`.

use domain::query::SystemStatus;

use super::Zone;

/// The version of the described system with which outputs are compatible: clients decide by it what
/// they may expect.
pub(super) const COMPATIBLE: &str = "7.6.0";
/// Its build.
pub(super) const BUILD: u16 = 3_401;
/// The day of its build.
pub(super) const BUILT: &str = "240724";

/// `Key: value` lines. Clients refuse keys that they do not know, so there are no others than FortiOS's.
pub fn system_status(status: &SystemStatus, zone: Zone) -> String {
    let SystemStatus {
        serial,
        hostname,
        release,
        now,
    } = status;
    let now = zone.long(*now);
    format!(
        "Version: Symbolon-VM v{COMPATIBLE},build{BUILD},{BUILT} (GA.F)\n\
         Serial-Number: {serial}\n\
         Hostname: {hostname}\n\
         Virtual domain configuration: disable\n\
         Current HA mode: standalone\n\
         Release Version Information: Symbolon {release}\n\
         System time: {now}\n"
    )
}
