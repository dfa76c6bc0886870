//! Templates and their versions. A version never changes once it is there.

use bailey_core::{PersonId, TemplateId, TemplateVersionId, Timestamp};

use crate::conn::Conn;
use crate::page::cut;
use crate::sql::{Assembly, each, same, statements};
use crate::store::transaction;
use crate::template_access::usable;
use crate::value::{Row, Value};
use crate::{ListPage, Store, StoreError};

macro_rules! template {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, source, active, previous, applied, created_at, created_by, deleted_at FROM templates",
            $rest
        )
    };
}

macro_rules! version {
    ($rest:literal) => {
        concat!(
            "SELECT id, template, number, digest, message, created_at, created_by FROM template_versions",
            $rest
        )
    };
}

statements! {
    INSERT = same(
        "INSERT INTO templates (id, name, source, active, previous, applied, created_at, created_by, deleted_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    );
    GET = same(template!(" WHERE id = $1"));
    BY_NAME = same(template!(" WHERE name = $1 AND deleted_at IS NULL"));
    ACTIVATE = same("UPDATE templates SET previous = active, active = $2 WHERE id = $1 AND deleted_at IS NULL");
    ROLL_BACK = same(
        "UPDATE templates SET previous = active, active = previous \
         WHERE id = $1 AND previous IS NOT NULL AND deleted_at IS NULL",
    );
    APPLIED = same("UPDATE templates SET applied = $2, source = $3 WHERE id = $1 AND deleted_at IS NULL");
    DELETE = same("UPDATE templates SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL");
    EVER = same("SELECT id FROM templates WHERE name = $1 LIMIT 1");
    IN_USE = same("SELECT id FROM workspaces WHERE template = $1 AND deleted_at IS NULL LIMIT 1");
    VERSION_INSERT = same(
        "INSERT INTO template_versions (id, template, number, digest, manifest, archive, message, created_at, created_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    );
    VERSION_GET = same(version!(" WHERE id = $1"));
    VERSION_BY_NUMBER = same(version!(" WHERE template = $1 AND number = $2"));
    VERSION_BY_DIGEST = same(version!(" WHERE template = $1 AND digest = $2"));
    VERSION_LAST = same(version!(" WHERE template = $1 ORDER BY number DESC LIMIT 1"));
    VERSION_NAMES = each(
        "SELECT v.id, v.number, t.name, t.active FROM template_versions v JOIN templates t ON t.id = v.template \
         WHERE v.id IN (SELECT unhex(value) FROM json_each($1))",
        "SELECT v.id, v.number, t.name, t.active FROM template_versions v JOIN templates t ON t.id = v.template \
         WHERE v.id = ANY($1)",
    );
    MANIFEST = same("SELECT manifest FROM template_versions WHERE id = $1");
    ARCHIVE = same("SELECT archive FROM template_versions WHERE id = $1");
}

/// What a version is called, in passing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionName {
    /// The version.
    pub id: TemplateVersionId,
    /// Its number.
    pub number: u32,
    /// The name of its template.
    pub template: String,
    /// The number of the template's version in force.
    pub active: Option<u32>,
}

/// Where a template came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateSource {
    /// Somebody pushed it.
    Api,
    /// The folder of templates that the configuration names.
    Folder,
    /// It came with Bailey.
    Starter,
}

impl TemplateSource {
    /// The name used in text, JSON and the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Folder => "folder",
            Self::Starter => "starter",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let all = [Self::Api, Self::Folder, Self::Starter];
        all.into_iter().find(|source| source.as_str() == text)
    }
}

/// A template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateRecord {
    /// Its id.
    pub id: TemplateId,
    /// Its name, unique among those that are not deleted.
    pub name: String,
    /// Where it came from.
    pub source: TemplateSource,
    /// The number of the version that new workspaces get.
    pub active: Option<u32>,
    /// The number of the version that was active before.
    pub previous: Option<u32>,
    /// The digest that the folder of templates was last seen with.
    pub applied: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it; `None` = Bailey itself.
    pub created_by: Option<PersonId>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

/// A version, without its manifest and archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateVersionRecord {
    /// Its id.
    pub id: TemplateVersionId,
    /// The template.
    pub template: TemplateId,
    /// Its number, counted from 1.
    pub number: u32,
    /// SHA-256 (hex) of its canonical archive.
    pub digest: String,
    /// What its maker said about it.
    pub message: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it; `None` = Bailey itself.
    pub created_by: Option<PersonId>,
}

/// A version that is to be made.
#[derive(Debug, Clone, Copy)]
pub struct VersionPush<'a> {
    /// Its id.
    pub id: TemplateVersionId,
    /// SHA-256 (hex) of its canonical archive.
    pub digest: &'a str,
    /// The text of `template.toml`.
    pub manifest: &'a str,
    /// The canonical archive with gzip around it.
    pub archive: &'a [u8],
    /// What its maker says about it.
    pub message: &'a str,
    /// Now.
    pub at: Timestamp,
    /// Who makes it.
    pub by: Option<PersonId>,
    /// Whether new workspaces get it from now on.
    pub activate: bool,
}

/// Which templates to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplateFilter {
    /// The one of this name.
    pub name: Option<String>,
    /// Those from here.
    pub source: Option<TemplateSource>,
    /// Those that this person may use.
    pub usable_by: Option<PersonId>,
}

fn read(row: &Row) -> Result<TemplateRecord, StoreError> {
    Ok(TemplateRecord {
        id: row.get("id")?,
        name: row.get("name")?,
        source: row.parse("source", TemplateSource::parse)?,
        active: row.get("active")?,
        previous: row.get("previous")?,
        applied: row.get("applied")?,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
        deleted_at: row.get("deleted_at")?,
    })
}

fn read_version(row: &Row) -> Result<TemplateVersionRecord, StoreError> {
    Ok(TemplateVersionRecord {
        id: row.get("id")?,
        template: row.get("template")?,
        number: row.get("number")?,
        digest: row.get("digest")?,
        message: row.get("message")?,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
    })
}

const GONE: StoreError = StoreError::NotFound { what: "template" };

async fn insert_version(
    tx: &mut Conn,
    template: TemplateId,
    number: u32,
    push: &VersionPush<'_>,
) -> Result<TemplateVersionRecord, StoreError> {
    let insert = VERSION_INSERT
        .bind(push.id)
        .bind(template)
        .bind(number)
        .bind(push.digest)
        .bind(push.manifest)
        .bind(push.archive)
        .bind(push.message)
        .bind(push.at)
        .bind(push.by);
    tx.execute(insert).await?;
    Ok(TemplateVersionRecord {
        id: push.id,
        template,
        number,
        digest: push.digest.to_owned(),
        message: push.message.to_owned(),
        created_at: push.at,
        created_by: push.by,
    })
}

/// Makes a version the active one; the one that is so already stays, and so does what was before it.
async fn activate(tx: &mut Conn, template: &TemplateRecord, number: u32) -> Result<(), StoreError> {
    if template.active == Some(number) {
        return Ok(());
    }
    match tx.execute(ACTIVATE.bind(template.id).bind(number)).await? {
        0 => Err(GONE),
        _ => Ok(()),
    }
}

impl Store {
    /// Makes a template and its first version, both or neither. A name that is taken is [`StoreError::Conflict`].
    pub async fn template_insert(
        &self,
        id: TemplateId,
        name: &str,
        source: TemplateSource,
        push: &VersionPush<'_>,
    ) -> Result<TemplateVersionRecord, StoreError> {
        let active = push.activate.then_some(1u32);
        let applied = (source == TemplateSource::Folder).then_some(push.digest);
        transaction!(self, async |tx| {
            let insert = INSERT
                .bind(id)
                .bind(name)
                .bind(source.as_str())
                .bind(active)
                .bind(None::<u32>)
                .bind(applied)
                .bind(push.at)
                .bind(push.by)
                .bind(None::<Timestamp>);
            tx.execute(insert).await?;
            insert_version(tx, id, 1, push).await
        })
    }

    /// Makes the next version of a template, or finds the one of the same digest: pushing twice is as good as once. The
    /// answer says whether it is new.
    pub async fn template_version_push(
        &self,
        template: TemplateId,
        push: &VersionPush<'_>,
    ) -> Result<(TemplateVersionRecord, bool), StoreError> {
        transaction!(self, async |tx| {
            let record = tx.read_optional(GET.bind(template), read).await?;
            let record = record.filter(|record| record.deleted_at.is_none()).ok_or(GONE)?;
            let known = VERSION_BY_DIGEST.bind(template).bind(push.digest);
            let (version, new) = match tx.read_optional(known, read_version).await? {
                Some(version) => (version, false),
                None => {
                    let last = tx.read_optional(VERSION_LAST.bind(template), read_version).await?;
                    let number = last.map_or(1, |last| last.number + 1);
                    (insert_version(tx, template, number, push).await?, true)
                }
            };
            if push.activate {
                activate(tx, &record, version.number).await?;
            }
            Ok((version, new))
        })
    }

    /// Notes the digest that the folder of templates was seen with. The template is the folder's from now on.
    pub async fn template_applied(&self, id: TemplateId, digest: &str) -> Result<(), StoreError> {
        let source = TemplateSource::Folder.as_str();
        let rows = transaction!(self, async |tx| {
            tx.execute(APPLIED.bind(id).bind(digest).bind(source)).await
        })?;
        if rows == 0 { Err(GONE) } else { Ok(()) }
    }

    /// Makes a version the active one. A template or version that is not there is [`StoreError::NotFound`].
    pub async fn template_promote(&self, id: TemplateId, number: u32) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            let record = tx.read_optional(GET.bind(id), read).await?.ok_or(GONE)?;
            let version = tx.fetch_optional(VERSION_BY_NUMBER.bind(id).bind(number)).await?;
            if version.is_none() {
                return Err(StoreError::NotFound { what: "version" });
            }
            activate(tx, &record, number).await
        })
    }

    /// Makes the version that was active before the active one; done twice, it changes nothing. `false` if there is none.
    pub async fn template_roll_back(&self, id: TemplateId) -> Result<bool, StoreError> {
        transaction!(self, async |tx| Ok(tx.execute(ROLL_BACK.bind(id)).await? > 0))
    }

    /// Deletes a template; its versions stay for the records of workspaces that were. One with workspaces is
    /// [`StoreError::Conflict`].
    pub async fn template_delete(&self, id: TemplateId, now: Timestamp) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            if tx.fetch_optional(IN_USE.bind(id)).await?.is_some() {
                return Err(StoreError::Conflict {
                    what: "template",
                    field: "workspaces",
                });
            }
            match tx.execute(DELETE.bind(id).bind(now)).await? {
                0 => Err(GONE),
                _ => Ok(()),
            }
        })
    }

    /// The template of this id, also if it is deleted.
    pub async fn template_get(&self, id: TemplateId) -> Result<Option<TemplateRecord>, StoreError> {
        self.reader().await?.read_optional(GET.bind(id), read).await
    }

    /// The template of this name that is not deleted.
    pub async fn template_by_name(&self, name: &str) -> Result<Option<TemplateRecord>, StoreError> {
        self.reader().await?.read_optional(BY_NAME.bind(name), read).await
    }

    /// Whether there ever was a template of this name, deleted ones included.
    pub async fn template_ever(&self, name: &str) -> Result<bool, StoreError> {
        let first = self.reader().await?.fetch_optional(EVER.bind(name)).await?;
        Ok(first.is_some())
    }

    /// Templates that are not deleted, newest first, and where to go on if there are more.
    pub async fn templates_list(
        &self,
        filter: &TemplateFilter,
        page: ListPage<TemplateId>,
    ) -> Result<(Vec<TemplateRecord>, Option<TemplateId>), StoreError> {
        let mut query = Assembly::new(self.backend(), template!(" WHERE deleted_at IS NULL"));
        query
            .when(" AND id < ", page.after)
            .when(" AND name = ", filter.name.as_deref())
            .when(" AND source = ", filter.source.map(TemplateSource::as_str));
        if let Some(person) = filter.usable_by {
            usable(&mut query, person);
        }
        query.push(" ORDER BY id DESC LIMIT ").bind(page.rows());
        let templates = self.reader().await?.read_all(query.finish(), read).await?;
        Ok(cut(templates, page.rows(), |template| template.id))
    }

    /// What these versions are called, in no order.
    pub async fn template_version_names(&self, versions: &[TemplateVersionId]) -> Result<Vec<VersionName>, StoreError> {
        let ids = versions.iter().map(|id| id.uuid()).collect();
        let read = |row: &Row| {
            Ok(VersionName {
                id: row.get("id")?,
                number: row.get("number")?,
                template: row.get("name")?,
                active: row.get("active")?,
            })
        };
        self.reader()
            .await?
            .read_all(VERSION_NAMES.bind(Value::Uuids(ids)), read)
            .await
    }

    /// The version of this id.
    pub async fn template_version_get(
        &self,
        id: TemplateVersionId,
    ) -> Result<Option<TemplateVersionRecord>, StoreError> {
        let query = VERSION_GET.bind(id);
        self.reader().await?.read_optional(query, read_version).await
    }

    /// The version of this number.
    pub async fn template_version_by_number(
        &self,
        template: TemplateId,
        number: u32,
    ) -> Result<Option<TemplateVersionRecord>, StoreError> {
        let query = VERSION_BY_NUMBER.bind(template).bind(number);
        self.reader().await?.read_optional(query, read_version).await
    }

    /// The version of this content.
    pub async fn template_version_by_digest(
        &self,
        template: TemplateId,
        digest: &str,
    ) -> Result<Option<TemplateVersionRecord>, StoreError> {
        let query = VERSION_BY_DIGEST.bind(template).bind(digest);
        self.reader().await?.read_optional(query, read_version).await
    }

    /// Versions of a template, newest first, and where to go on if there are more.
    pub async fn template_versions_list(
        &self,
        template: TemplateId,
        page: ListPage<TemplateVersionId>,
    ) -> Result<(Vec<TemplateVersionRecord>, Option<TemplateVersionId>), StoreError> {
        let mut query = Assembly::new(self.backend(), version!(" WHERE 1 = 1"));
        query
            .push(" AND template = ")
            .bind(template)
            .when(" AND id < ", page.after);
        query.push(" ORDER BY id DESC LIMIT ").bind(page.rows());
        let versions = self.reader().await?.read_all(query.finish(), read_version).await?;
        Ok(cut(versions, page.rows(), |version| version.id))
    }

    /// The text of a version's `template.toml`.
    pub async fn template_manifest(&self, id: TemplateVersionId) -> Result<Option<String>, StoreError> {
        let query = MANIFEST.bind(id);
        let read = |row: &Row| row.get("manifest");
        self.reader().await?.read_optional(query, read).await
    }

    /// A version's canonical archive with gzip around it.
    pub async fn template_archive(&self, id: TemplateVersionId) -> Result<Option<Vec<u8>>, StoreError> {
        let query = ARCHIVE.bind(id);
        let read = |row: &Row| row.get("archive");
        self.reader().await?.read_optional(query, read).await
    }
}
