//! Reactions to tickets and comments.

use http::{Method, StatusCode};

use super::{Answer, Call, number};
use crate::clock;
use crate::error::ApiError;
use crate::model::{Award, Issue, On};
use crate::reply::reply;

pub(super) fn route(call: &Call<'_>, method: &Method, issue: &Issue, rest: &[&str]) -> Answer {
    let (on, rest) = match rest {
        ["award_emoji", rest @ ..] => (On::Issue(issue.id), rest),
        ["notes", note, "award_emoji", rest @ ..] => {
            let note = number(note)?;
            let known = |state: &crate::model::State| {
                state
                    .notes
                    .iter()
                    .any(|known| known.id == note && known.on == On::Issue(issue.id) && !known.internal)
            };
            if !call.shared.store.read(known) {
                return Err(ApiError::NotFound("Note"));
            }
            (On::Note(note), rest)
        }
        _ => return Err(ApiError::NoRoute),
    };
    match (method, rest) {
        (&Method::GET, []) => {
            let awards = call.shared.store.read(|state| {
                let awards = state.awards.iter().filter(|award| award.on == on);
                awards.map(|award| call.present(state).award(award)).collect()
            });
            call.page(awards)
        }
        (&Method::POST, []) => create(call, on),
        (&Method::DELETE, [id]) => {
            let (actor, id) = (call.actor()?, number(id)?);
            call.change(|state| {
                let mut awards = state.awards.iter();
                let at = awards
                    .position(|award| award.id == id && award.on == on)
                    .ok_or(ApiError::NotFound("Award Emoji"))?;
                if state.awards.get(at).is_none_or(|award| award.user != actor) {
                    return Err(ApiError::Forbidden);
                }
                state.awards.remove(at);
                Ok(((), Vec::new()))
            })?;
            Ok(reply(StatusCode::NO_CONTENT, "application/json", ""))
        }
        _ => Err(ApiError::NoRoute),
    }
}

fn create(call: &Call<'_>, on: On) -> Answer {
    let actor = call.actor()?;
    let name = call.params.needed("name")?;
    let sound = name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b));
    if !sound {
        return Err(ApiError::Invalid("name"));
    }
    let award = call.change(|state| {
        let same = |award: &Award| award.on == on && award.user == actor && award.name == name;
        if state.awards.iter().any(same) {
            return Err(ApiError::NotFound("Award Emoji Name has already been taken"));
        }
        let award = Award {
            id: state.new_id(),
            on,
            user: actor,
            name,
            created_at: clock::now(),
        };
        state.awards.push(award.clone());
        Ok((award, Vec::new()))
    })?;
    Ok(call.show(StatusCode::CREATED, |present| present.award(&award)))
}
