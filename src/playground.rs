//! The page that runs the engine in a browser, where this build has it.
//!
//! `playground/build.sh page.html` builds it; `HERDSIM_PLAYGROUND=$PWD/page.html cargo build
//! --features playground` takes it in.

/// The page, which begins with the default scenario.
#[cfg(feature = "playground")]
const PAGE: Option<&str> = Some(include_str!(env!("HERDSIM_PLAYGROUND")));
#[cfg(not(feature = "playground"))]
const PAGE: Option<&str> = None;

/// Its name in the directory of a run.
pub const FILE: &str = "playground.html";

/// What every such page has near its top.
pub const MARK: &str = "<meta name=\"generator\" content=\"herdsim";

/// Whether this build has it.
pub fn is_here() -> bool {
    PAGE.is_some()
}

/// The page with a scenario in its place, in TOML; nothing where this build does not have it.
pub fn page(scenario: Option<&str>) -> Option<String> {
    PAGE.map(|page| with(page, scenario))
}

fn with(page: &str, scenario: Option<&str>) -> String {
    let slot =
        |json: &str| format!("<script type=\"application/json\" id=\"scenario\">{json}</script>");
    let Some(text) = scenario else {
        return page.to_string();
    };
    // No text ends the script that it stands in.
    let json = serde_json::Value::from(text).to_string();
    page.replacen(&slot("null"), &slot(&json.replace('<', "\\u003c")), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_stands_in_the_page_whatever_it_says() {
        let page = include_str!("../playground/page/index.html").replace("{{SCENARIO}}", "null");
        assert!(page.contains(MARK));
        assert_eq!(with(&page, None), page);
        let text = "# </script> \"x\" \\ $& \n";
        let own = with(&page, Some(text));
        assert_ne!(own, page);
        assert_eq!(
            own.matches("</script>").count(),
            page.matches("</script>").count()
        );
        let json = own.split("id=\"scenario\">").nth(1).unwrap();
        let json = json.split("</script>").next().unwrap();
        assert_eq!(serde_json::from_str::<String>(json).unwrap(), text);
    }
}
