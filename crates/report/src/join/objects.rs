//! Objects of JSON in a text that comes line by line: one per line, pretty, in an array that may never be closed, or in the
//! `Records` or `events` of an object around them. An object that breaks off does not take the next one with it.

/// What is being read.
#[derive(Debug, Default)]
pub(super) struct Objects {
    /// The object that is open, and the line that it began on.
    open: Option<(String, u64)>,
    /// How many of its braces and brackets are open.
    depth: u32,
    in_string: bool,
    is_escaped: bool,
    /// How many braces and brackets are open around the objects; what else stands within them is passed over.
    around: u32,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// An object, and the line that it begins on.
    Object(&'a str, u64),
    /// An object breaks off that begins on this line.
    BrokenOff(u64),
    /// Something stands there that is not JSON.
    Stray(u64),
}

impl Objects {
    /// Whether a line belongs to an object that began before it, or to what is around the objects.
    pub(super) const fn is_open(&self) -> bool {
        self.open.is_some() || self.around > 0
    }

    /// Reads a line.
    pub(super) fn take(&mut self, line: &str, number: u64, found: &mut dyn FnMut(Found<'_>)) {
        if self.begins_again(line) {
            self.break_off(found);
        }
        for char in line.chars() {
            if self.open.is_none() && !self.between(char, number) {
                found(Found::Stray(number));
                return;
            }
            self.step(char, found);
        }
        // No string goes over a line's end.
        if self.open.is_some() && self.in_string {
            self.break_off(found);
        }
        self.in_string = false;
        if let Some((text, _)) = &mut self.open {
            text.push('\n');
        }
    }

    /// The log has ended.
    pub(super) fn end(&mut self, found: &mut dyn FnMut(Found<'_>)) {
        self.break_off(found);
    }

    /// A character where no object is open; it may open one. Returns whether it may stand there.
    fn between(&mut self, char: char, number: u64) -> bool {
        match char {
            '"' if self.around > 0 => self.in_string = !self.in_string,
            _ if self.in_string => {}
            '{' => {
                self.open = Some((String::new(), number));
                self.depth = 0;
            }
            '[' if self.around > 0 => self.around += 1,
            ']' | '}' => self.around = self.around.saturating_sub(1),
            '[' | ',' => {}
            _ => return self.around > 0 || char.is_whitespace(),
        }
        true
    }

    fn step(&mut self, char: char, found: &mut dyn FnMut(Found<'_>)) {
        let Some((text, start)) = &mut self.open else { return };
        // `{"Records": [` is around the objects, and none itself.
        if char == '[' && self.depth == 1 && !self.in_string && is_around(text) {
            self.open = None;
            self.around = 2;
            return;
        }
        text.push(char);
        if self.in_string {
            match char {
                _ if self.is_escaped => self.is_escaped = false,
                '\\' => self.is_escaped = true,
                '"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        match char {
            '"' => self.in_string = true,
            '{' | '[' => self.depth += 1,
            '}' | ']' => self.depth = self.depth.saturating_sub(1),
            _ => return,
        }
        if self.depth == 0 && char != '"' {
            found(Found::Object(text, *start));
            self.open = None;
        }
    }

    /// Whether a line begins an object of its own, although another one is open: that one breaks off. What is written over several
    /// lines has nothing but a brace on its first.
    fn begins_again(&self, line: &str) -> bool {
        let in_one_line = |text: &str| text.lines().next().is_some_and(|first| first.trim().len() > 1);
        line.starts_with('{') && self.open.as_ref().is_some_and(|(text, _)| in_one_line(text))
    }

    fn break_off(&mut self, found: &mut dyn FnMut(Found<'_>)) {
        if let Some((_, start)) = self.open.take() {
            found(Found::BrokenOff(start));
        }
        (self.in_string, self.is_escaped) = (false, false);
    }
}

/// Whether this is how an object begins that holds all others in a member of it.
fn is_around(text: &str) -> bool {
    let plain: String = text.chars().filter(|char| !char.is_whitespace()).collect();
    ["{\"Records\":", "{\"events\":", "{\"logEvents\":"].contains(&plain.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let (mut objects, mut all) = (Objects::default(), Vec::new());
        let mut take = |found: Found<'_>| {
            all.push(match found {
                Found::Object(text, line) => format!("{line}:{}", text.replace(['\n', ' '], "")),
                Found::BrokenOff(line) => format!("{line}:broken"),
                Found::Stray(line) => format!("{line}:stray"),
            });
        };
        for (number, line) in (1..).zip(text.lines()) {
            objects.take(line, number, &mut take);
        }
        objects.end(&mut take);
        all
    }

    #[test]
    fn objects_are_found_in_every_layout() {
        let two = ["1:{\"a\":\"}]\\\"{\"}", "2:{\"b\":[{}]}"];
        assert_eq!(read("{\"a\":\"}]\\\"{\"}\n{\"b\":[{}]}"), two);
        assert_eq!(read("[{\"a\":\"}]\\\"{\"},\n{\"b\":[{}]},\n"), two, "Ceph's socket never closes its array");
        assert_eq!(read("{\"Records\":[{\"a\":1},{\"b\":2}]}"), ["1:{\"a\":1}", "1:{\"b\":2}"]);
        let behind = "{\"Records\":[{\"a\":1}],\"more\":[]}\nwords";
        assert_eq!(read(behind), ["1:{\"a\":1}", "2:stray"]);
        let pretty = "{\n  \"events\": [\n    {\n      \"a\": {\n        \"b\": 1\n      }\n    }\n  ],\n  \"nextToken\": \"x{\"\n}\n";
        assert_eq!(read(pretty), ["3:{\"a\":{\"b\":1}}"]);
    }

    #[test]
    fn what_breaks_off_is_named_and_takes_nothing_with_it() {
        assert_eq!(read("{\"a\":\"x\n{\"b\":1}"), ["1:broken", "2:{\"b\":1}"]);
        assert_eq!(read("{\"a\":1,\n{\"b\":1}\n{\"c\":"), ["1:broken", "2:{\"b\":1}", "3:broken"]);
        assert_eq!(read("{\"Records\":[{\"a\":1},{\"b\""), ["1:{\"a\":1}", "1:broken"]);
        assert_eq!(read("{\"a\":1}\nwords\n{\"b\":1}"), ["1:{\"a\":1}", "2:stray", "3:{\"b\":1}"]);
    }
}
