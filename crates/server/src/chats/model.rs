//! Model calls of chats: through the model door, in this process, with the workspace's own key. So they are held to its limits and
//! budgets, and stand in the ledger under the chat's id.

use std::future::Future;
use std::pin::Pin;

use bailey_chats::{Fault, Model, ModelError, ModelRequest, ModelStream, WorkspaceError};
use bailey_core::chat::Cause;
use bailey_gateway::{Ask, Body};
use futures_util::StreamExt as _;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Response};
use http_body_util::{BodyExt as _, Limited};

use crate::app::{App, AppError};

/// The largest refusal that is read.
const REFUSAL: usize = 64 * 1024;

/// What the door says of a key that was good a moment ago.
const ENDED: &str = "key_ended";

/// The model door for chats.
pub(super) struct Door {
    app: App,
}

impl Door {
    pub(super) const fn new(app: App) -> Self {
        Self { app }
    }

    /// Whether the model is still one that chats in the workspace may use: lists change while a chat waits.
    async fn allowed(&self, request: &ModelRequest) -> Result<(), ModelError> {
        let passing = |error: AppError| ModelError::passing(error.to_string());
        let found = self.app.store().workspace_get(request.workspace).await;
        let found = found.map_err(|error| passing(error.into()))?;
        let workspace = found.ok_or_else(|| passing(AppError::NotFound))?;
        match self.app.model_of(&workspace, Some(&request.model)).await {
            Ok(_) => Ok(()),
            Err(AppError::Invalid(errors)) => {
                let why: Vec<String> = errors.into_iter().map(|error| error.detail).collect();
                Err(ModelError {
                    fault: Fault::Held(Cause::ModelFailed),
                    ..ModelError::passing(format!("The model {} {}.", request.model, why.join("; ")))
                })
            }
            Err(error) => Err(passing(error)),
        }
    }

    async fn ask(&self, request: ModelRequest) -> Result<ModelStream, ModelError> {
        self.allowed(&request).await?;
        let ask = Ask {
            protocol: request.protocol,
            body: request.body,
            session: request.chat.to_string(),
            receipts: request.receipts,
        };
        let gateway = self.app.gateway_shared();
        self.app.fleet().note_activity(request.workspace);
        let asked = match gateway.call_for(request.workspace, ask.clone()).await {
            Some(asked) => Some(asked),
            // A workspace that is down has no key.
            None => {
                let up = self.app.chat_workspace_up(request.workspace, request.wanted).await;
                up.map_err(|error| ModelError {
                    fault: match error {
                        WorkspaceError::KeptDown(_) => Fault::Held(Cause::Workspace),
                        WorkspaceError::Unreachable(_) | WorkspaceError::Refused(_) => Fault::Passing,
                    },
                    ..ModelError::passing(error.to_string())
                })?;
                gateway.call_for(request.workspace, ask).await
            }
        };
        let Some(response) = asked else {
            return Err(ModelError::passing("the workspace has no key for models at the moment"));
        };
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        let body = response.into_body().into_data_stream();
        let body = body.map(|piece| piece.map_err(|error| ModelError::passing(error.to_string())));
        Ok(Box::pin(body))
    }
}

impl Model for Door {
    fn send(
        &self,
        request: ModelRequest,
    ) -> Pin<Box<dyn Future<Output = Result<ModelStream, ModelError>> + Send + '_>> {
        Box::pin(self.ask(request))
    }
}

fn header<T: std::str::FromStr>(headers: &HeaderMap, name: impl http::header::AsHeaderName) -> Option<T> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

async fn refusal(response: Response<Body>) -> ModelError {
    let (head, body) = response.into_parts();
    let should_retry = header(&head.headers, "x-should-retry");
    let retry_after = header(&head.headers, RETRY_AFTER);
    let body = Limited::new(body, REFUSAL).collect().await;
    let body = body.map_or_else(|_| bytes::Bytes::new(), http_body_util::Collected::to_bytes);
    let mut error = ModelError::of_answer(head.status.as_u16(), should_retry, retry_after, &body);
    // The workspace was stopped or started anew since its key was found: it has another one, or gets it.
    if header::<String>(&head.headers, "x-bailey-error").as_deref() == Some(ENDED) {
        error.fault = Fault::Passing;
    }
    error
}
