//! `PARSE_IP`: an address of the internet taken apart.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/parse_ip>

use std::borrow::Cow;
use std::net::IpAddr;

use arrow::array::ArrayRef;
use datafusion::common::{DataFusionError, Result, exec_err};

use crate::scalar::{Call, Function, Kind, Returns};
use crate::variant::{object, quote};

pub(super) const FUNCTIONS: &[Function] = &[Function::kernel(
    "parse_ip",
    "parse_ip(text, 'INET' | 'CIDR' [, permissive])",
    &[Kind::Text, Kind::Text, Kind::Integer],
    Returns::Object,
    parse_ip,
)
.required(2)
.note("with 1 an object whose `error` says what is wrong")];

fn parse_ip(call: &Call) -> Result<ArrayRef> {
    let (texts, kinds) = (call.text(0)?, call.text(1)?);
    let permissive = call.integer_if_given(2)?;
    call.variants(|row| {
        let permissive = permissive.as_ref().map_or(Some(0), |given| given.get(row));
        let (Some(text), Some(kind), Some(permissive)) =
            (texts.get(row), kinds.get(row), permissive)
        else {
            return Ok(None);
        };
        let kind = kind.to_lowercase();
        if !matches!(kind.as_str(), "inet" | "cidr") {
            return exec_err!("An address is of type INET or CIDR, not '{kind}'");
        }
        match Address::read(text) {
            Some(address) => address.parts(&kind).map(Some),
            None if permissive == 1 => {
                let members = vec![("error".to_owned(), Cow::Owned(quote(&wrong(text))))];
                written(members).map(Some)
            }
            None => exec_err!("{}", wrong(text)),
        }
    })
}

fn written(members: Vec<(String, Cow<'_, str>)>) -> Result<String> {
    object(members).map_err(DataFusionError::Execution)
}

fn wrong(text: &str) -> String {
    format!("Error parsing IP address: '{text}' is none")
}

/// An address, as it is written, and how many bits of it name a network.
struct Address<'a> {
    host: &'a str,
    address: IpAddr,
    prefix: Option<u32>,
}

impl<'a> Address<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let (host, prefix) = match text.split_once('/') {
            Some((host, prefix)) => {
                let digits = prefix.bytes().all(|byte| byte.is_ascii_digit());
                (host, Some(prefix.parse().ok().filter(|_| digits)?))
            }
            None => (text, None),
        };
        let address: IpAddr = host.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let fits = prefix.is_none_or(|prefix| prefix <= bits);
        fits.then_some(Self {
            host,
            address,
            prefix,
        })
    }

    fn parts(&self, kind: &str) -> Result<String> {
        let (family, bits, fields) = match self.address {
            IpAddr::V4(address) => {
                let bits = address.to_bits();
                (4, u128::from(bits), [bits, 0, 0, 0])
            }
            IpAddr::V6(address) => {
                let bytes = address.octets();
                let field = |at: usize| {
                    let bytes = bytes.iter().skip(4 * at).take(4);
                    bytes.fold(0_u32, |field, byte| field << 8 | u32::from(*byte))
                };
                (6, address.to_bits(), std::array::from_fn(field))
            }
        };
        let fields = fields.map(|field| field.to_string()).join(",");
        let mut members = vec![
            ("family", family.to_string()),
            ("host", quote(self.host)),
            ("ip_fields", format!("[{fields}]")),
            ("ip_type", quote(kind)),
            ("snowflake$type", quote("ip_address")),
        ];
        let shown = |bits: u128| match family {
            4 => bits.to_string(),
            _ => quote(&format!("{bits:032X}")),
        };
        let names = match family {
            4 => ["ipv4", "ipv4_range_start", "ipv4_range_end"],
            _ => ["hex_ipv6", "hex_ipv6_range_start", "hex_ipv6_range_end"],
        };
        members.push((names[0], shown(bits)));
        if let Some(prefix) = self.prefix {
            let width = if family == 4 { 32 } else { 128 };
            // The bits behind the network's; a shift by all 128 is none.
            let free = u128::MAX.checked_shr(128 - width + prefix).unwrap_or(0);
            let free = if width == 32 {
                free & u128::from(u32::MAX)
            } else {
                free
            };
            members.push(("netmask_prefix_length", prefix.to_string()));
            members.push((names[1], shown(bits & !free)));
            members.push((names[2], shown(bits | free)));
        }
        let members = members.into_iter();
        written(
            members
                .map(|(name, value)| (name.to_owned(), Cow::Owned(value)))
                .collect(),
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_documented_addresses_apart() {
        let parts = |text| Address::read(text).unwrap().parts("inet").unwrap();
        assert_eq!(
            parts("192.168.242.188/24"),
            r#"{"family":4,"host":"192.168.242.188","ip_fields":[3232297660,0,0,0],"ip_type":"inet","ipv4":3232297660,"ipv4_range_end":3232297727,"ipv4_range_start":3232297472,"netmask_prefix_length":24,"snowflake$type":"ip_address"}"#
        );
        assert_eq!(
            parts("fe80::20c:29ff:fe2c:429/64"),
            r#"{"family":6,"hex_ipv6":"FE80000000000000020C29FFFE2C0429","hex_ipv6_range_end":"FE80000000000000FFFFFFFFFFFFFFFF","hex_ipv6_range_start":"FE800000000000000000000000000000","host":"fe80::20c:29ff:fe2c:429","ip_fields":[4269801472,0,34351615,4264297513],"ip_type":"inet","netmask_prefix_length":64,"snowflake$type":"ip_address"}"#
        );
        for wrong in [
            "192.168.242.188/33",
            "192.168.242",
            "fe80::g",
            "1.2.3.4/",
            "",
        ] {
            assert!(Address::read(wrong).is_none(), "{wrong}");
        }
    }
}
