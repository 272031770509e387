//! [`Buffer`]: the text that is typed, and the place of the cursor in it.

/// Text in two halves: before the cursor and after it.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    text: String,
    /// A boundary between letters.
    cursor: usize,
}

impl Buffer {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn before(&self) -> &str {
        self.text.get(..self.cursor).unwrap_or(&self.text)
    }

    fn after(&self) -> &str {
        self.text.get(self.cursor..).unwrap_or_default()
    }

    /// Other text, with the cursor behind it.
    pub(super) fn set(&mut self, text: &str) {
        text.clone_into(&mut self.text);
        self.go_to_end();
    }

    pub(super) fn go_to_end(&mut self) {
        self.cursor = self.text.len();
    }

    pub(super) fn insert(&mut self, text: &str) {
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
    }

    /// `new` instead of the last `length` bytes before the cursor.
    pub(super) fn replace_left(&mut self, length: usize, new: &str) {
        let start = self.cursor.saturating_sub(length);
        self.text.replace_range(start..self.cursor, new);
        self.cursor = start + new.len();
    }

    pub(super) fn left(&mut self) {
        if let Some(letter) = self.before().chars().next_back() {
            self.cursor -= letter.len_utf8();
        }
    }

    pub(super) fn right(&mut self) {
        if let Some(letter) = self.after().chars().next() {
            self.cursor += letter.len_utf8();
        }
    }

    pub(super) fn word_left(&mut self) {
        self.cursor = self.word_start();
    }

    pub(super) fn word_right(&mut self) {
        let after = self.after();
        let word = after.find(char::is_alphanumeric).unwrap_or(after.len());
        let rest = after.get(word..).unwrap_or_default();
        let end = rest
            .find(|letter: char| !letter.is_alphanumeric())
            .unwrap_or(rest.len());
        self.cursor += word + end;
    }

    fn word_start(&self) -> usize {
        let before = self.before();
        let word = before.trim_end_matches(|letter: char| !letter.is_alphanumeric());
        word.trim_end_matches(char::is_alphanumeric).len()
    }

    fn line_start(&self) -> usize {
        self.before().rfind('\n').map_or(0, |at| at + 1)
    }

    fn line_end(&self) -> usize {
        let end = self.after().find('\n');
        self.cursor + end.unwrap_or(self.after().len())
    }

    pub(super) fn go_to_line_start(&mut self) {
        self.cursor = self.line_start();
    }

    pub(super) fn go_to_line_end(&mut self) {
        self.cursor = self.line_end();
    }

    pub(super) fn delete_left(&mut self) {
        if let Some(letter) = self.before().chars().next_back() {
            self.replace_left(letter.len_utf8(), "");
        }
    }

    pub(super) fn delete_right(&mut self) {
        let at = self.cursor;
        self.right();
        let length = self.cursor - at;
        self.replace_left(length, "");
    }

    fn cut(&mut self, from: usize, to: usize) -> String {
        let cut = self.text.get(from..to).unwrap_or_default().to_owned();
        self.text.replace_range(from..to, "");
        self.cursor = from;
        cut
    }

    /// Takes the rest of the line, or the line's end if that is all.
    pub(super) fn cut_line_end(&mut self) -> String {
        let end = self.line_end();
        let end = if end == self.cursor {
            (end + 1).min(self.text.len())
        } else {
            end
        };
        self.cut(self.cursor, end)
    }

    pub(super) fn cut_line_start(&mut self) -> String {
        self.cut(self.line_start(), self.cursor)
    }

    pub(super) fn cut_word(&mut self) -> String {
        self.cut(self.word_start(), self.cursor)
    }

    /// To the line above; says whether there is one.
    pub(super) fn up(&mut self) -> bool {
        let start = self.line_start();
        let Some(end) = start.checked_sub(1) else {
            return false;
        };
        let column = self.column();
        self.cursor = end;
        self.cursor = self.line_start();
        self.forward(column);
        true
    }

    /// To the line below; says whether there is one.
    pub(super) fn down(&mut self) -> bool {
        let end = self.line_end();
        if end == self.text.len() {
            return false;
        }
        let column = self.column();
        self.cursor = end + 1;
        self.forward(column);
        true
    }

    fn column(&self) -> usize {
        let line = self.before().get(self.line_start()..);
        line.unwrap_or_default().chars().count()
    }

    /// So many letters on, but not beyond the line.
    fn forward(&mut self, letters: usize) {
        let line = self.text.get(self.cursor..self.line_end());
        let line = line.unwrap_or_default();
        let length: usize = line.chars().take(letters).map(char::len_utf8).sum();
        self.cursor += length;
    }
}

#[cfg(test)]
mod tests {
    use super::Buffer;

    fn buffer(text: &str) -> Buffer {
        let mut buffer = Buffer::default();
        match text.split_once('|') {
            Some((before, after)) => {
                buffer.set(before);
                buffer.text.push_str(after);
            }
            None => buffer.set(text),
        }
        buffer
    }

    fn shown(buffer: &Buffer) -> String {
        format!("{}|{}", buffer.before(), buffer.after())
    }

    fn after(text: &str, act: impl FnOnce(&mut Buffer)) -> String {
        let mut buffer = buffer(text);
        act(&mut buffer);
        shown(&buffer)
    }

    #[test]
    fn moves_by_letters_words_and_lines() {
        assert_eq!(after("aä|b", Buffer::left), "a|äb");
        assert_eq!(after("a|äb", Buffer::right), "aä|b");
        assert_eq!(after("one two|", Buffer::word_left), "one |two");
        assert_eq!(after("|one two", Buffer::word_right), "one| two");
        assert_eq!(after("a\nb|c", Buffer::go_to_line_start), "a\n|bc");
        assert_eq!(after("a|b\nc", Buffer::go_to_line_end), "ab|\nc");
        assert_eq!(after("abc\nde|", |b| assert!(b.up())), "ab|c\nde");
        assert_eq!(after("abc|\nd", |b| assert!(b.down())), "abc\nd|");
        assert_eq!(after("abc|", |b| assert!(!b.up() && !b.down())), "abc|");
    }

    #[test]
    fn deletes_and_cuts() {
        assert_eq!(after("aä|b", Buffer::delete_left), "a|b");
        assert_eq!(after("a|äb", Buffer::delete_right), "a|b");
        assert_eq!(after("|", Buffer::delete_left), "|");
        assert_eq!(after("select one|", |b| drop(b.cut_word())), "select |");
        assert_eq!(
            after("a|b\nc", |b| assert_eq!(b.cut_line_end(), "b")),
            "a|\nc"
        );
        assert_eq!(
            after("a|\nc", |b| assert_eq!(b.cut_line_end(), "\n")),
            "a|c"
        );
        assert_eq!(after("x\nab|c", |b| drop(b.cut_line_start())), "x\n|c");
        assert_eq!(after("sel|", |b| b.replace_left(3, "select")), "select|");
    }
}
