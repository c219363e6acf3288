//! QR codes on a terminal.

/// Light modules around the code (ISO/IEC 18004, 9.1): scanners find its edge by them.
const QUIET: usize = 4;

/// A QR code as its modules.
#[derive(Clone, Copy, Debug)]
pub struct Qr<'a> {
    /// The modules, row by row; dark ones are true.
    pub modules: &'a [bool],
    /// How many a row has.
    pub width: usize,
}

impl Qr<'_> {
    /// The code in half blocks, two rows of modules a line. Light modules are drawn and dark ones left
    /// out: most terminals are dark, and scanners read the inverse as well.
    pub fn draw(&self) -> String {
        self.blocks(|x, y| self.is_light(x, y))
    }

    /// The code in half blocks for a light ground: dark modules are drawn.
    pub fn print(&self) -> String {
        self.blocks(|x, y| self.is_dark(x, y))
    }

    fn blocks(&self, is_drawn: impl Fn(usize, usize) -> bool) -> String {
        let side = self.side();
        let line = |y: usize| {
            let half = |x| match (is_drawn(x, y), is_drawn(x, y + 1)) {
                (true, true) => '\u{2588}',
                (true, false) => '\u{2580}',
                (false, true) => '\u{2584}',
                (false, false) => ' ',
            };
            (0..side).map(half).chain(['\n']).collect::<String>()
        };
        (0..side).step_by(2).map(line).collect()
    }

    fn side(&self) -> usize {
        self.width + 2 * QUIET
    }

    /// There is no module below the quiet zone.
    fn is_light(&self, x: usize, y: usize) -> bool {
        y < self.side() && !self.is_dark(x, y)
    }

    /// The module at a place that counts from the corner of the quiet zone.
    fn is_dark(&self, x: usize, y: usize) -> bool {
        let inside = QUIET..QUIET + self.width;
        if !(inside.contains(&x) && inside.contains(&y)) {
            return false;
        }
        let at = (y - QUIET) * self.width + (x - QUIET);
        self.modules.get(at).copied().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_become_half_blocks_in_a_quiet_zone() {
        let modules = &[true, false, true, true, true, false, false, false, true];
        let drawn = Qr { modules, width: 3 }.draw();
        let lines: Vec<&str> = drawn.lines().collect();
        let code = ["████ ▀▄████", "██████▄████"];
        assert_eq!(lines[..2], ["███████████"; 2]);
        assert_eq!(lines[2..4], code);
        assert_eq!(lines[4..], ["███████████", "▀▀▀▀▀▀▀▀▀▀▀"]);
        let printed = Qr { modules, width: 3 }.print();
        let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
        assert_eq!(lines, ["", "", "    █▄▀", "      ▀", "", ""]);
    }
}
