//! Units as exponents of base symbols: what may be added, compared and multiplied.

use std::fmt;

/// A unit: base symbols with their exponents, sorted by symbol; no symbol at all is a plain number.
///
/// A symbol that is not one of SI's (`tile`, `point`) is a base of its own, and so is a leading number
/// (`0.1 N m`), so that a scaled unit never passes for the plain one. `rad` is kept to be shown, but counts as 1
/// where units are compared, as SI has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unit(Vec<(String, i32)>);

/// SI units made of others, in base symbols.
const DERIVED: [(&str, &[(&str, i32)]); 7] = [
    ("N", &[("kg", 1), ("m", 1), ("s", -2)]),
    ("J", &[("kg", 1), ("m", 2), ("s", -2)]),
    ("W", &[("kg", 1), ("m", 2), ("s", -3)]),
    ("Pa", &[("kg", 1), ("m", -1), ("s", -2)]),
    ("Hz", &[("s", -1)]),
    ("V", &[("kg", 1), ("m", 2), ("s", -3), ("A", -1)]),
    ("1", &[]),
];

/// Exponents are small; a text with larger ones is nonsense.
const MAX_EXPONENT: i32 = 64;

impl Unit {
    /// A plain number.
    pub fn none() -> Self {
        Self::default()
    }

    /// The radian.
    pub fn radian() -> Self {
        Self(vec![("rad".into(), 1)])
    }

    /// The second.
    pub fn second() -> Self {
        Self(vec![("s".into(), 1)])
    }

    /// A unit that cannot be read, as a base of its own.
    pub fn opaque(text: &str) -> Self {
        Self(vec![(text.into(), 1)])
    }

    /// Reads `m/s^2`, `N m`, `kg m²`, `1/s` or nothing; what follows a `/` counts below, up to the next `/`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut unit = Self::none();
        for (index, part) in text.split('/').enumerate() {
            let sign = if index == 0 { 1 } else { -1 };
            let mut symbols = part.split([' ', '*', '·']).filter(|symbol| !symbol.is_empty()).peekable();
            if symbols.peek().is_none() && !(index == 0 && text.trim().is_empty()) {
                return None;
            }
            for symbol in symbols {
                let (name, exponent) = exponent_of(symbol)?;
                let valid = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '%' | '°');
                if name.is_empty() || !name.chars().all(valid) {
                    return None;
                }
                match DERIVED.iter().find(|(derived, _)| *derived == name) {
                    Some((_, bases)) => {
                        bases
                            .iter()
                            .for_each(|(base, power)| unit.multiply_by(base, sign * exponent * power));
                    }
                    None => unit.multiply_by(name, sign * exponent),
                }
            }
        }
        Some(unit)
    }

    /// The unit of a product.
    pub fn times(&self, other: &Self) -> Self {
        let mut unit = self.clone();
        other.0.iter().for_each(|(symbol, exponent)| unit.multiply_by(symbol, *exponent));
        unit
    }

    /// The unit of a quotient.
    pub fn over(&self, other: &Self) -> Self {
        self.times(&other.power(-1))
    }

    /// The unit of a whole power.
    pub fn power(&self, exponent: i32) -> Self {
        let powers = self.0.iter().map(|(symbol, own)| (symbol.clone(), own.saturating_mul(exponent)));
        Self(powers.filter(|&(_, own)| own != 0).collect())
    }

    /// The unit of a square root, where there is one.
    pub fn root(&self) -> Option<Self> {
        let even = self.bases().all(|(_, exponent)| exponent % 2 == 0);
        even.then(|| Self(self.bases().map(|(symbol, exponent)| (symbol.clone(), exponent / 2)).collect()))
    }

    /// Whether values of both may be added and compared.
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.bases().eq(other.bases())
    }

    /// Whether it counts as a plain number.
    pub fn is_plain(&self) -> bool {
        self.bases().next().is_none()
    }

    /// The base symbols that tell units apart.
    fn bases(&self) -> impl Iterator<Item = (&String, i32)> {
        self.0.iter().filter(|(symbol, _)| symbol != "rad").map(|(symbol, exponent)| (symbol, *exponent))
    }

    fn multiply_by(&mut self, symbol: &str, exponent: i32) {
        match self.0.binary_search_by(|(own, _)| own.as_str().cmp(symbol)) {
            Ok(at) => {
                self.0[at].1 = (self.0[at].1 + exponent).clamp(-MAX_EXPONENT, MAX_EXPONENT);
                if self.0[at].1 == 0 {
                    self.0.remove(at);
                }
            }
            Err(at) if exponent != 0 => self.0.insert(at, (symbol.to_owned(), exponent)),
            Err(_) => {}
        }
    }
}

/// The name and the exponent of `s`, `s^2`, `s^-1` or `s²`.
fn exponent_of(symbol: &str) -> Option<(&str, i32)> {
    let exponent = |text: &str| text.parse().ok().filter(|e: &i32| e.abs() <= MAX_EXPONENT);
    if let Some((name, text)) = symbol.split_once('^') {
        return Some((name, exponent(text)?));
    }
    let squared = symbol.strip_suffix('²').map(|name| (name, 2));
    let cubed = symbol.strip_suffix('³').map(|name| (name, 3));
    Some(squared.or(cubed).unwrap_or((symbol, 1)))
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |above: bool| {
            let symbols = self.0.iter().filter(|(_, exponent)| (*exponent > 0) == above);
            let text = symbols.map(|(symbol, exponent)| match exponent.abs() {
                1 => symbol.clone(),
                power => format!("{symbol}^{power}"),
            });
            text.collect::<Vec<_>>()
        };
        let (above, below) = (part(true), part(false));
        let above = if above.is_empty() && !below.is_empty() { "1".into() } else { above.join(" ") };
        write!(f, "{above}")?;
        below.iter().try_for_each(|symbol| write!(f, "/{symbol}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(text: &str) -> Unit {
        Unit::parse(text).unwrap()
    }

    #[test]
    fn units_of_signals_are_read_and_shown() {
        for (text, shown) in [
            ("", ""),
            ("m", "m"),
            ("m/s", "m/s"),
            ("m/s^2", "m/s^2"),
            ("m / s²", "m/s^2"),
            ("rad/s", "rad/s"),
            ("1/s", "1/s"),
            ("N m", "kg m^2/s^2"),
            ("tile", "tile"),
            ("0.1 N m", "0.1 kg m^2/s^2"),
            ("m^-1", "1/m"),
            ("m m/m", "m"),
        ] {
            assert_eq!(unit(text).to_string(), shown, "{text}");
        }
        for wrong in ["m/", "/s", "m^x", "m^999", "m)", "^2", "m//s"] {
            assert_eq!(Unit::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn units_multiply_and_agree() {
        assert!(unit("N").times(&unit("m")).agrees_with(&unit("J")));
        assert!(unit("m").over(&unit("m/s")).agrees_with(&unit("s")));
        assert!(unit("m/s").power(2).root().unwrap().agrees_with(&unit("m/s")));
        assert_eq!(unit("m").root(), None);
        assert!(unit("rad").is_plain() && unit("rad/s").agrees_with(&unit("1/s")));
        assert!(!unit("m").agrees_with(&unit("tile")) && !unit("0.1 N m").agrees_with(&unit("N m")));
        assert_eq!(unit("rad").times(&unit("rad")).over(&unit("rad")), Unit::radian());
    }
}
