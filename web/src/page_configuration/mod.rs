//! What the page is told of itself: name, logo, colours, texts, links, whether an e-mail address is needed.
//!
//! It is one TOML file. [`PageConfiguration::parse`] finds all faults of the file at once.

mod color;
mod logo;
pub(crate) mod origin;
#[cfg(test)]
mod tests;
mod texts;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use axum::http::HeaderValue;
use serde::Serialize;
use service::document::{Fault, Faults, Placed, Section};

use crate::proof::ProofForPage;
use color::Color;
pub(crate) use logo::Logo;
use texts::Texts;

const LONGEST_NAME: usize = 60;

const KEYS: [&str; 7] = ["name", "logo", "email", "colors", "texts", "links", "embedding"];

/// What the file says, checked.
#[derive(Debug, Clone)]
pub struct PageConfiguration {
    name: String,
    pub(crate) logo: Option<Logo>,
    colors: Option<Colors>,
    texts: Texts,
    links: Links,
    pub(crate) email: EmailUse,
    /// Origins of the pages that may show ours in a frame.
    pub(crate) embedding: Vec<HeaderValue>,
}

/// Whether a visitor's e-mail address is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EmailUse {
    /// There is no call without one.
    Required,
    Optional,
    /// The page has no field for it, and what is sent all the same is not taken.
    None,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Colors {
    #[serde(skip_serializing_if = "Option::is_none")]
    light: Option<Theme>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dark: Option<Theme>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Theme {
    accent: Color,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Links {
    privacy: Option<String>,
    imprint: Option<String>,
}

/// The answer of `GET /api/page-configuration`.
#[derive(Serialize)]
struct Answer<'a> {
    name: &'a str,
    /// Relative to the page.
    logo: Option<&'a str>,
    colors: &'a Option<Colors>,
    texts: &'a Texts,
    links: &'a Links,
    email: EmailUse,
    proof: Option<ProofForPage>,
}

impl Default for PageConfiguration {
    fn default() -> Self {
        Self {
            name: "postcall".to_owned(),
            logo: None,
            colors: None,
            texts: Texts::default(),
            links: Links::default(),
            email: EmailUse::Optional,
            embedding: Vec::new(),
        }
    }
}

impl PageConfiguration {
    /// Reads the file, and what it names.
    ///
    /// # Errors
    /// The file cannot be read or has faults; all of them are told, a line each.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let text =
            std::fs::read_to_string(path).with_context(|| format!("read the page's configuration {name}"))?;
        Self::parse(&text, path.parent().unwrap_or(Path::new(""))).or_else(|faults| {
            let lines: Vec<_> = faults.iter().map(|fault| format!("{name}:{fault}")).collect();
            bail!("the page's configuration has faults:\n{}", lines.join("\n"))
        })
    }

    /// Reads the text of a file in `folder`.
    ///
    /// # Errors
    /// All faults of the file, in the order of its lines.
    pub(crate) fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::new(text);
        let configuration = read(text, folder, &mut faults);
        faults.finish(Some(configuration))
    }

    /// What the page gets, as JSON.
    ///
    /// # Errors
    /// It is no JSON.
    pub(crate) fn json(&self, proof: Option<ProofForPage>) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&Answer {
            name: &self.name,
            logo: self.logo.as_ref().map(|_| "api/logo"),
            colors: &self.colors,
            texts: &self.texts,
            links: &self.links,
            email: self.email,
            proof,
        })
    }
}

fn read(text: &str, folder: &Path, faults: &mut Faults<'_>) -> PageConfiguration {
    let default = PageConfiguration::default();
    let mut file = Section::of_file("the page's configuration", text, faults);
    let name = read_name(&mut file, faults).unwrap_or(default.name);
    let logo = file.optional_text("logo", faults).and_then(|Placed { at, value }| {
        let logo = Logo::load(&folder.join(PathBuf::from(value)));
        logo.map_err(|why| faults.add(at, format!("`logo`: {why}"))).ok()
    });
    let configuration = PageConfiguration {
        name,
        logo,
        email: read_email(&mut file, faults).unwrap_or(default.email),
        colors: read_colors(&mut file, faults),
        texts: texts::read(&mut file, faults),
        links: read_links(&mut file, faults),
        embedding: read_embedding(&mut file, faults),
    };
    file.finish(&KEYS, faults);
    configuration
}

fn read_name(file: &mut Section<'_>, faults: &mut Faults<'_>) -> Option<String> {
    let Placed { at, value } = file.optional_text("name", faults)?;
    if value.chars().count() > LONGEST_NAME || value.contains(char::is_control) {
        faults.add(at, format!("`name` has to be one line of {LONGEST_NAME} characters at most"));
        return None;
    }
    Some(value)
}

fn read_email(file: &mut Section<'_>, faults: &mut Faults<'_>) -> Option<EmailUse> {
    let Placed { at, value } = file.optional_text("email", faults)?;
    match value.as_str() {
        "required" => Some(EmailUse::Required),
        "optional" => Some(EmailUse::Optional),
        "none" => Some(EmailUse::None),
        _ => {
            faults.add(at, "`email` has to be \"required\", \"optional\" or \"none\"");
            None
        }
    }
}

fn read_colors(file: &mut Section<'_>, faults: &mut Faults<'_>) -> Option<Colors> {
    let mut colors = section(file, "colors", "[colors]", faults)?;
    let [light, dark] = [("light", color::LIGHT), ("dark", color::DARK)].map(|(key, ground)| {
        let title = format!("[colors.{key}]");
        let mut theme = section(&mut colors, key, &title, faults)?;
        let accent = theme.text("accent", faults);
        theme.finish(&["accent"], faults);
        let Placed { at, value } = accent?;
        let accent = Color::parse(&value).and_then(|accent| accent.readable_on(ground).map(|()| accent));
        accent
            .map_err(|why| faults.add(at, format!("{title}: `accent` {why}")))
            .ok()
            .map(|accent| Theme { accent })
    });
    colors.finish(&["light", "dark"], faults);
    Some(Colors { light, dark })
}

fn read_links(file: &mut Section<'_>, faults: &mut Faults<'_>) -> Links {
    let Some(mut links) = section(file, "links", "[links]", faults) else { return Links::default() };
    let [privacy, imprint] = ["privacy", "imprint"].map(|key| {
        let Placed { at, value } = links.optional_text(key, faults)?;
        if !origin::is_link(&value) {
            faults.add(
                at,
                format!("[links]: `{key}` has to be an address such as https://www.example.com/{key}"),
            );
        }
        Some(value)
    });
    links.finish(&["privacy", "imprint"], faults);
    Links { privacy, imprint }
}

fn read_embedding(file: &mut Section<'_>, faults: &mut Faults<'_>) -> Vec<HeaderValue> {
    let Some(mut embedding) = section(file, "embedding", "[embedding]", faults) else { return Vec::new() };
    let mut origins = Vec::new();
    for value in embedding.list("allowed_origins", faults) {
        let Some(Placed { at, value }) = service::document::text(&value, "allowed_origins", faults) else {
            continue;
        };
        match origin::parse(&value) {
            Some(origin) => origins.push(origin),
            None => faults.add(
                at,
                "[embedding]: each of `allowed_origins` has to be the origin of a page, such as https://www.example.com",
            ),
        }
    }
    embedding.finish(&["allowed_origins"], faults);
    origins
}

/// A table below a key, where the key is there.
fn section<'t>(
    above: &mut Section<'t>,
    key: &str,
    title: &str,
    faults: &mut Faults<'_>,
) -> Option<Section<'t>> {
    let value = above.take(key)?;
    Section::of(title, value, faults)
}
