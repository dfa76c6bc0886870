//! `bailey openapi`

use crate::failure::Failure;
use crate::output;

pub(crate) fn run() -> Result<(), Failure> {
    output::data(&bailey_server::routes::openapi_json()?)
}
