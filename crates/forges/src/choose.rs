//! Which model a label means: the newest version of the one family of models that it names.

use std::cmp::Ordering;

/// A label names no model that may be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChooseError {
    /// Nothing matches.
    #[error("no model that may be used here matches `{wanted}`")]
    None {
        /// What the label says.
        wanted: String,
    },
    /// Models of different families match.
    #[error("`{wanted}` matches several models ({}); name one of them", matching.join(", "))]
    Several {
        /// What the label says.
        wanted: String,
        /// The newest model of each family, at most eight.
        matching: Vec<String>,
    },
}

/// The model among `models` that `wanted` means.
///
/// A model of exactly this name is meant, whatever else matches. Otherwise a model matches when the words of `wanted` stand in
/// it in this order (`sonnet` in `claude-sonnet-4-5`, `gpt-5` in `openai/gpt-5.1`); letters count the same in either case.
/// Models are one family when they differ in numbers alone. Of several families the plainest is meant, the one whose words all
/// the others have as well (`gpt` beside `gpt-mini`). Of a family the highest version is meant; of one version the undated name, which
/// providers keep for the newest, and then the latest date.
///
/// # Errors
/// Where no model matches, or models of several families and none is the plainest.
pub fn choose<'a>(wanted: &str, models: &'a [String]) -> Result<&'a str, ChooseError> {
    let exact = models.iter().find(|model| *model == wanted);
    if let Some(model) = exact.or_else(|| models.iter().filter(|model| model.eq_ignore_ascii_case(wanted)).min()) {
        return Ok(model);
    }
    let words = words(wanted);
    let matching: Vec<Model<'a>> = models
        .iter()
        .map(|model| Model::read(model))
        .filter(|model| !words.is_empty() && stands_in(&words, &model.words))
        .collect();
    let Some(plainest) = matching
        .iter()
        .find(|model| matching.iter().all(|other| stands_in(&model.family, &other.family)))
    else {
        return Err(none_or_several(wanted, &matching));
    };
    let newest = matching
        .iter()
        .filter(|model| model.family == plainest.family)
        .max_by(|a, b| a.cmp_version(b));
    newest
        .map(|model| model.name)
        .ok_or_else(|| none_or_several(wanted, &matching))
}

fn none_or_several(wanted: &str, matching: &[Model<'_>]) -> ChooseError {
    let mut newest: Vec<&Model<'_>> = Vec::new();
    for model in matching {
        match newest.iter_mut().find(|known| known.family == model.family) {
            Some(known) if model.cmp_version(known) == Ordering::Greater => *known = model,
            Some(_) => {}
            None => newest.push(model),
        }
    }
    let wanted = wanted.to_owned();
    if newest.is_empty() {
        return ChooseError::None { wanted };
    }
    let matching = newest.iter().take(8).map(|model| model.name.to_owned()).collect();
    ChooseError::Several { wanted, matching }
}

/// A model's name, taken apart.
struct Model<'a> {
    name: &'a str,
    words: Vec<String>,
    family: Vec<String>,
    version: Vec<String>,
    date: Vec<String>,
}

impl<'a> Model<'a> {
    fn read(name: &'a str) -> Self {
        let words = words(name);
        let (mut family, mut version, mut date) = (Vec::new(), Vec::new(), Vec::new());
        let mut rest = words.as_slice();
        while let Some((word, after)) = rest.split_first() {
            let number = word
                .strip_prefix('v')
                .filter(|digits| is_number(digits))
                .unwrap_or(word);
            rest = after;
            if let [month, day, after @ ..] = rest
                && is_year(word)
                && [month, day].iter().all(|part| part.len() == 2 && is_number(part))
            {
                date = vec![word.clone(), month.clone(), day.clone()];
                rest = after;
            } else if word.len() == 8 && is_number(word) && word.starts_with("20") {
                date = vec![word.clone()];
            } else if is_number(number) {
                version.push(number.to_owned());
            } else {
                family.push(word.clone());
            }
        }
        Self {
            name,
            words,
            family,
            version,
            date,
        }
    }

    fn cmp_version(&self, other: &Self) -> Ordering {
        cmp_numbers(&self.version, &other.version)
            .then_with(|| self.date.is_empty().cmp(&other.date.is_empty()))
            .then_with(|| self.date.concat().cmp(&other.date.concat()))
            .then_with(|| self.name.cmp(other.name))
    }
}

/// Numbers of any length, the first that differs decides.
fn cmp_numbers(a: &[String], b: &[String]) -> Ordering {
    let bare = |number: &String| number.trim_start_matches('0').to_owned();
    let key = |numbers: &[String]| -> Vec<(usize, String)> {
        let bare = numbers.iter().map(bare);
        bare.map(|digits| (digits.len(), digits)).collect()
    };
    key(a).cmp(&key(b))
}

/// The words of a name, in lower case.
fn words(name: &str) -> Vec<String> {
    let parts = name.split(|c: char| !c.is_alphanumeric());
    parts.filter(|part| !part.is_empty()).map(str::to_lowercase).collect()
}

/// Whether all of `few` stand in `many` in this order.
fn stands_in(few: &[String], many: &[String]) -> bool {
    let mut many = many.iter();
    few.iter().all(|word| many.any(|other| other == word))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_year(text: &str) -> bool {
    text.len() == 4 && is_number(text) && text.starts_with("20")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn models(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_latest_version_wins() {
        let all = models(&[
            "claude-3-5-sonnet-20240620",
            "claude-3-5-sonnet-20241022",
            "claude-sonnet-4",
            "claude-sonnet-4-5-20250929",
            "claude-sonnet-4-10",
            "claude-opus-4-1",
            "gpt-4.1",
            "gpt-4o",
            "gpt-4o-2024-08-06",
            "gpt-4o-2024-11-20",
            "gpt-5",
            "gpt-5-mini",
            "gpt-5.1",
        ]);
        for (wanted, model) in [
            ("sonnet", "claude-sonnet-4-10"),
            ("Sonnet", "claude-sonnet-4-10"),
            ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
            ("3-5-sonnet", "claude-3-5-sonnet-20241022"),
            ("opus", "claude-opus-4-1"),
            ("gpt", "gpt-5.1"),
            ("gpt-5", "gpt-5"),
            ("GPT-5", "gpt-5"),
            ("mini", "gpt-5-mini"),
            ("gpt-4", "gpt-4.1"),
            ("4o", "gpt-4o"),
            ("gpt-4o-2024", "gpt-4o-2024-11-20"),
        ] {
            assert_eq!(choose(wanted, &all), Ok(model), "{wanted}");
        }
    }

    #[test]
    fn a_plainer_family_is_meant() {
        let all = models(&["us.anthropic.claude-sonnet-4-5-v1:0", "claude-sonnet-4", "openai/gpt-5"]);
        assert_eq!(choose("sonnet", &all), Ok("claude-sonnet-4"));
        assert_eq!(choose("gpt", &all), Ok("openai/gpt-5"));
    }

    #[test]
    fn what_is_ambiguous_or_unknown_is_refused() {
        let all = models(&["claude-opus-4", "claude-opus-4-1", "claude-sonnet-4"]);
        assert_eq!(
            choose("claude", &all),
            Err(ChooseError::Several {
                wanted: "claude".to_owned(),
                matching: models(&["claude-opus-4-1", "claude-sonnet-4"]),
            })
        );
        for wanted in ["haiku", "claude-sonnet-5", "sonne", "-", "sonnet-claude"] {
            let wanted_owned = wanted.to_owned();
            assert_eq!(choose(wanted, &all), Err(ChooseError::None { wanted: wanted_owned }));
        }
        assert!(choose("sonnet", &[]).is_err());
    }

    proptest! {
        /// The order in which models are listed decides nothing.
        #[test]
        fn order_is_no_matter(mut names in prop::collection::vec("(a|b)(-(a|mini))?-[0-9]{1,2}(-20250[1-9]01)?", 0..6), wanted in "(a|b|mini)(-[0-9])?", by in 0_usize..6) {
            names.sort();
            names.dedup();
            let first = choose(&wanted, &names).map(str::to_owned).map_err(|error| matches!(error, ChooseError::None { .. }));
            if !names.is_empty() {
                let len = names.len();
                names.rotate_left(by % len);
            }
            let second = choose(&wanted, &names).map(str::to_owned).map_err(|error| matches!(error, ChooseError::None { .. }));
            prop_assert_eq!(first, second);
        }

        /// A model is found by its own name, and what is found is one of the models.
        #[test]
        fn a_name_means_itself(names in prop::collection::vec("[a-z0-9]{1,4}([-.:/][a-z0-9]{1,3}){0,3}", 1..6), wanted in "[a-z0-9.-]{1,8}") {
            for name in &names {
                prop_assert_eq!(choose(name, &names), Ok(name.as_str()));
            }
            if let Ok(model) = choose(&wanted, &names) {
                prop_assert!(names.iter().any(|name| name == model));
            }
        }
    }
}
