//! Templates in data files: masked by text of the same length, so that the rest can be read.

use std::borrow::Cow;
use std::ops::Range;

/// A text with its templates masked, byte for byte as long as it was.
pub struct Masked<'a> {
    pub text: Cow<'a, str>,
    /// Where something is masked, in order.
    masked: Vec<Range<usize>>,
}

impl<'a> Masked<'a> {
    /// Without templates.
    pub fn plain(text: &'a str) -> Masked<'a> {
        Masked {
            text: Cow::Borrowed(text),
            masked: Vec::new(),
        }
    }

    /// `{{ … }}` of Go and Jinja, `{% … %}` of Jinja, `<%= … %>` of ERB.
    ///
    /// A line of nothing but templates is taken out; one within a value becomes a word.
    pub fn of(text: &'a str) -> Masked<'a> {
        let marks = [("{{", "}}"), ("{%", "%}"), ("<%", "%>")];
        if !marks.iter().any(|(open, _)| text.contains(open)) {
            return Masked::plain(text);
        }
        let mut masked: Vec<Range<usize>> = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let next = marks.iter().filter_map(|(open, close)| {
                let start = at + text[at..].find(open)?;
                let end = start + 2 + text[start + 2..].find(close)? + 2;
                Some(start..end)
            });
            let Some(range) = next.min_by_key(|range| range.start) else {
                break;
            };
            // `{{` in a flow map of maps is no template: YAML has `{{a: 1}: 2}`, nobody writes it.
            at = range.end;
            masked.push(range);
        }
        let mut bytes = text.as_bytes().to_vec();
        for range in &masked {
            let line_start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
            let line_end = text[range.end..]
                .find('\n')
                .map_or(text.len(), |at| range.end + at);
            let first = masked.partition_point(|other| other.start < line_start);
            let own = masked[first..]
                .iter()
                .take_while(|other| other.end <= line_end);
            let (mut bare, mut from) = (String::new(), line_start);
            for other in own {
                bare.push_str(&text[from..other.start]);
                from = other.end;
            }
            bare.push_str(&text[from.min(line_end)..line_end]);
            let filler = match bare.trim().is_empty() && !range.is_empty() {
                true => b' ',
                false => b'x',
            };
            // Of a template over several lines the first one stands for it.
            let mut filler = filler;
            for byte in &mut bytes[range.clone()] {
                match *byte {
                    b'\n' => filler = b' ',
                    b'\r' => {}
                    _ => *byte = filler,
                }
            }
        }
        let text = String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned);
        Masked { text, masked }
    }

    /// The text as it stands, with what was masked still known.
    pub fn open<'b>(&self, text: &'b str) -> Masked<'b> {
        Masked {
            text: Cow::Borrowed(text),
            masked: self.masked.clone(),
        }
    }

    /// Whether a template is in these bytes.
    pub fn touches(&self, range: &Range<usize>) -> bool {
        let after = self.masked.partition_point(|m| m.end <= range.start);
        self.masked.get(after).is_some_and(|m| m.start < range.end)
    }

    pub fn has_templates(&self) -> bool {
        !self.masked.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Masked;

    #[test]
    fn a_template_keeps_its_length() {
        let text = "{{- if .Values.on }}\nretries:\n  attempts: {{ .Values.n | default 3 }} # é\n{{- end }}\n";
        let masked = Masked::of(text);
        assert_eq!(masked.text.len(), text.len());
        assert!(masked.text.starts_with(&" ".repeat(20)));
        let at = text.find("{{ .Values.n").unwrap();
        assert!(masked.text[at..].starts_with("xxxx"));
        assert!(masked.touches(&(at + 3..at + 4)));
        assert!(!masked.touches(&(21..29)));
        assert!(masked.text.contains("# é"));
    }
}
