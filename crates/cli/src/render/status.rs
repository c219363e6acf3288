//! `get system status`.

use domain::admin::VDOMS_MAX;
use domain::query::SystemStatus;
use domain::settings::VdomMode;
use domain::unit::Ending;

use super::Zone;

/// The version of the described system with which outputs are compatible: clients decide by it what
/// they may expect.
pub const COMPATIBLE: &str = "7.6.0";
/// The model, as the head of a configuration names it.
pub(crate) const MODEL: &str = "SYMBVM";
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
        vdom,
        vdom_mode,
        vdoms: count,
        last_end,
    } = status;
    let now = zone.long(*now);
    let vdoms = match vdom_mode {
        VdomMode::None => "disable",
        VdomMode::Multi => "multiple",
    };
    let last_end = match last_end {
        Some(Ending::Reboot) => "warm reboot",
        Some(Ending::FactoryReset) => "factory reset",
        Some(Ending::Shutdown) => "shutdown",
        None => "power cycle",
    };
    format!(
        "Version: Symbolon-VM v{COMPATIBLE},build{BUILD},{BUILT} (GA.F)\n\
         Serial-Number: {serial}\n\
         Log hard disk: Available\n\
         Hostname: {hostname}\n\
         Operation Mode: NAT\n\
         Current virtual domain: {vdom}\n\
         Max number of virtual domains: {VDOMS_MAX}\n\
         Virtual domains status: {count} in NAT mode, 0 in TP mode\n\
         Virtual domain configuration: {vdoms}\n\
         Current HA mode: standalone\n\
         Branch point: {BUILD}\n\
         Release Version Information: Symbolon {release}\n\
         System time: {now}\n\
         Last reboot reason: {last_end}\n"
    )
}
