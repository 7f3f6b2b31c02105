//! Conditions as a JUnit report, which build servers read.

/// What XML does not take as it is.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            c if c < ' ' && !"\t\n\r".contains(c) => {}
            c => out.push(c),
        }
    }
    out
}

/// A suite with a case for every condition; what failed, or nothing, beside each.
pub fn junit(name: &str, conditions: &[(String, Option<String>)]) -> String {
    let failures = conditions.iter().filter(|(_, why)| why.is_some()).count();
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuite name=\"herdsim {}\" tests=\"{}\" failures=\"{failures}\">\n",
        escaped(name),
        conditions.len()
    );
    for (condition, why) in conditions {
        let case = format!(
            "  <testcase classname=\"{}\" name=\"{}\"",
            escaped(name),
            escaped(condition)
        );
        out += &match why {
            None => format!("{case}/>\n"),
            Some(why) => {
                let why = escaped(why);
                format!("{case}>\n    <failure message=\"{why}\"/>\n  </testcase>\n")
            }
        };
    }
    out + "</testsuite>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_become_cases() {
        let xml = junit(
            "blip",
            &[
                ("a < 1".to_string(), None),
                ("b > \"2\"".to_string(), Some("is 1 & less".to_string())),
            ],
        );
        assert!(xml.contains("tests=\"2\" failures=\"1\""));
        assert!(xml.contains("name=\"a &lt; 1\"/>"));
        assert!(xml.contains("<failure message=\"is 1 &amp; less\"/>"));
    }
}
