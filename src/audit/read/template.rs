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
        // The next template of each kind, looked for once; none where there are no more.
        let after = |(open, close): (&str, &str), at: usize| {
            let start = at + text[at..].find(open)?;
            let end = start + 2 + text[start + 2..].find(close)? + 2;
            Some(start..end)
        };
        let mut nexts = marks.map(|mark| after(mark, 0));
        while let Some(range) = nexts.iter().flatten().min_by_key(|r| r.start).cloned() {
            for (next, mark) in nexts.iter_mut().zip(marks) {
                if next.as_ref().is_some_and(|next| next.start < range.end) {
                    *next = after(mark, range.end);
                }
            }
            // `{{` in a flow map of maps is no template: YAML has `{{a: 1}: 2}`, nobody writes it.
            masked.push(range);
        }
        let mut bytes = text.as_bytes().to_vec();
        // The line that a template is in, and whether nothing but templates is.
        let (mut line, mut bare, mut scanned) = (0..0, true, 0);
        for range in &masked {
            let newline = text[scanned..range.start].rfind('\n');
            let start = newline.map_or(line.start, |at| scanned + at + 1);
            scanned = range.start;
            if start != line.start || range.end > line.end {
                let end = text[range.end..].find('\n');
                line = start..end.map_or(text.len(), |at| range.end + at);
                let first = masked.partition_point(|other| other.start < line.start);
                let own = masked[first..].iter().take_while(|o| o.end <= line.end);
                let mut from = line.start;
                bare = true;
                for other in own {
                    bare &= text[from..other.start].trim().is_empty();
                    from = other.end;
                }
                bare &= text[from.min(line.end)..line.end].trim().is_empty();
            }
            let mut filler = if bare { b' ' } else { b'x' };
            // Of a template over several lines the first one stands for it.
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

    #[test]
    fn many_templates_are_no_more_work_each() {
        // Of one kind and of another, closed and not, in lines and in one line.
        for text in [
            "{{a}}".repeat(200_000),
            "x: {{a}}\n".repeat(100_000),
            "{{a}} {% b %} ".repeat(50_000),
            format!("{{{{a}}}}{}", "{% ".repeat(300_000)),
        ] {
            assert_eq!(Masked::of(&text).text.len(), text.len());
        }
    }
}
