//! HTML in which a text cannot become anything but a text: it is only made by [`text`], which escapes.

use std::ops::Add;

/// A piece of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Markup(String);

impl Add for Markup {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self.0.push_str(&other.0);
        self
    }
}

pub(super) fn text(text: &str) -> Markup {
    Markup(escape(text))
}

pub(super) fn element(name: &'static str, content: Markup) -> Markup {
    Markup(format!("<{name}>{}</{name}>\n", content.0))
}

pub(super) fn cells<const N: usize>(name: &'static str, contents: [Markup; N]) -> Markup {
    contents.into_iter().map(|content| element(name, content)).fold(Markup::default(), Add::add)
}

pub(super) fn link(path: &str, content: Markup) -> Markup {
    Markup(format!("<a href=\"{}\">{}</a>", escape(path), content.0))
}

pub(super) fn table(rows: Markup) -> Markup {
    Markup(format!("<div class=\"table\"><table>\n{}</table></div>\n", rows.0))
}

/// A row that the page's script watches for changes.
pub(super) fn watched_row(id: &str, modified: &str, cells: Markup) -> Markup {
    Markup(format!(
        "<tr data-id=\"{}\" data-modified=\"{}\">{}</tr>\n",
        escape(id),
        escape(modified),
        cells.0
    ))
}

pub(super) fn document(title: &str, filter: &str, main: Markup) -> String {
    let template = include_str!("template.html");
    // Split before anything is filled in: that could hold a placeholder itself.
    let (head, rest) = template.split_once("{title}").unwrap_or((template, ""));
    let (between, rest) = rest.split_once("{filter}").unwrap_or((rest, ""));
    let (before, after) = rest.split_once("{main}").unwrap_or((rest, ""));
    [head, &escape(title), between, &escape(filter), before, &main.0, after].concat()
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            plain => escaped.push(plain),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_filled_in_can_leave_its_place() {
        let hostile = "<script>alert(\"x\" & 'y')</script>{main}";
        let safe = "&lt;script&gt;alert(&quot;x&quot; &amp; &#39;y&#39;)&lt;/script&gt;{main}";
        assert_eq!(element("td", text(hostile)).0, format!("<td>{safe}</td>\n"));
        assert_eq!(link(hostile, text("")).0, format!("<a href=\"{safe}\"></a>"));
        let page = document(hostile, hostile, text("content"));
        assert!(
            page.contains(&format!("<title>{safe}</title>")) && page.contains(&format!("value=\"{safe}\""))
        );
        assert!(page.contains("<main>content</main>") && !page.contains("<script>alert"));
    }
}
