//! Templates and their versions.

use bailey_core::{PersonId, TemplateId, TemplateVersionId};
use bailey_store::{ListPage, Store, StoreError, TemplateFilter, TemplateSource, VersionPush};
use bailey_testkit::db::TestDb;

use crate::fixtures::*;

fn template(name: &str) -> TemplateId {
    TemplateId::from_uuid(uuid(number(name)))
}

fn version(n: u128) -> TemplateVersionId {
    TemplateVersionId::from_uuid(uuid(n))
}

fn push(n: u128, digest: &str, by: Option<PersonId>) -> VersionPush<'_> {
    VersionPush {
        id: version(n),
        digest,
        manifest: "description = \"ä\"\n",
        archive: &[0x1f, 0x8b, 0, 255],
        message: "first",
        at: T0,
        by,
        activate: true,
    }
}

async fn active(store: &Store, id: TemplateId) -> (Option<u32>, Option<u32>) {
    let record = store.template_get(id).await.unwrap().unwrap();
    (record.active, record.previous)
}

async fn a_template_is_read_as_written(db: TestDb) {
    let (store, ada) = with_owner(&db).await;
    let id = template("shell");
    let push = push(1, "aa", Some(ada.id));
    let made = store
        .template_insert(id, "shell", TemplateSource::Api, &push)
        .await
        .unwrap();
    let record = store.template_by_name("shell").await.unwrap().unwrap();
    assert_eq!(store.template_get(id).await.unwrap(), Some(record.clone()));
    assert_eq!((record.active, record.previous, record.applied), (Some(1), None, None));
    assert_eq!((record.source, record.created_by), (TemplateSource::Api, Some(ada.id)));
    assert_eq!(
        (made.number, made.digest.as_str(), made.message.as_str()),
        (1, "aa", "first")
    );
    assert_eq!(store.template_version_get(made.id).await.unwrap(), Some(made.clone()));
    assert_eq!(
        store.template_version_by_number(id, 1).await.unwrap(),
        Some(made.clone())
    );
    assert_eq!(store.template_version_by_number(id, 2).await.unwrap(), None);
    assert_eq!(
        store.template_archive(made.id).await.unwrap(),
        Some(push.archive.to_vec())
    );
    assert_eq!(
        store.template_manifest(made.id).await.unwrap().as_deref(),
        Some(push.manifest)
    );
    assert_eq!(store.template_by_name("Shell").await.unwrap(), None);
}

async fn a_name_is_taken_until_its_template_is_deleted(db: TestDb) {
    let (store, _) = with_owner(&db).await;
    let insert = async |id, n| {
        store
            .template_insert(id, "t", TemplateSource::Starter, &push(n, "aa", None))
            .await
    };
    insert(template("a"), 1).await.unwrap();
    let refused = insert(template("b"), 2).await.unwrap_err();
    let taken = matches!(
        refused,
        StoreError::Conflict {
            what: "template",
            field: "name"
        }
    );
    assert!(taken, "{refused:?}");
    assert_eq!(store.template_version_get(version(2)).await.unwrap(), None);
    store.template_delete(template("a"), T0).await.unwrap();
    assert_eq!(store.template_by_name("t").await.unwrap(), None);
    insert(template("b"), 2).await.unwrap();
    assert_eq!(store.template_by_name("t").await.unwrap().unwrap().id, template("b"));
    // What was deleted stays as it was.
    let again = store.template_delete(template("a"), T0).await;
    assert!(matches!(again, Err(StoreError::NotFound { .. })));
    let late = store.template_version_push(template("a"), &push(9, "bb", None)).await;
    assert!(matches!(late, Err(StoreError::NotFound { .. })));
    assert!(store.template_archive(version(1)).await.unwrap().is_some());
}

async fn versions_count_up_and_the_same_content_is_one_version(db: TestDb) {
    let (store, _) = with_owner(&db).await;
    let id = template("t");
    store
        .template_insert(id, "t", TemplateSource::Api, &push(1, "aa", None))
        .await
        .unwrap();
    let (second, new) = store.template_version_push(id, &push(2, "bb", None)).await.unwrap();
    assert_eq!((second.number, new), (2, true));
    assert_eq!(active(&store, id).await, (Some(2), Some(1)));
    let quiet = VersionPush {
        activate: false,
        ..push(3, "cc", None)
    };
    store.template_version_push(id, &quiet).await.unwrap();
    assert_eq!(active(&store, id).await, (Some(2), Some(1)));
    let (found, new) = store.template_version_push(id, &push(4, "aa", None)).await.unwrap();
    assert_eq!((found.number, found.id, new), (1, version(1), false));
    assert_eq!(active(&store, id).await, (Some(1), Some(2)));
    // What is active already stays, with what was before it.
    store.template_version_push(id, &push(5, "aa", None)).await.unwrap();
    assert_eq!(active(&store, id).await, (Some(1), Some(2)));
    let (list, next) = store.template_versions_list(id, ListPage::first(2)).await.unwrap();
    assert_eq!(list.iter().map(|v| v.number).collect::<Vec<_>>(), [3, 2]);
    let page = ListPage { after: next, limit: 2 };
    let (list, next) = store.template_versions_list(id, page).await.unwrap();
    assert_eq!((list.len(), next), (1, None));
}

async fn what_was_there_is_found_by_its_content(db: TestDb) {
    let (store, _) = with_owner(&db).await;
    assert!(!store.template_ever("t").await.unwrap());
    let (id, other) = (template("t"), template("u"));
    let made = store
        .template_insert(id, "t", TemplateSource::Api, &push(1, "aa", None))
        .await
        .unwrap();
    store
        .template_insert(other, "u", TemplateSource::Api, &push(2, "bb", None))
        .await
        .unwrap();
    assert_eq!(store.template_version_by_digest(id, "aa").await.unwrap(), Some(made));
    assert_eq!(store.template_version_by_digest(id, "bb").await.unwrap(), None);
    for id in [id, other] {
        store.template_delete(id, T0).await.unwrap();
    }
    assert!(store.template_ever("t").await.unwrap(), "deleted ones count");
    assert!(!store.template_ever("v").await.unwrap());
}

async fn a_promotion_can_be_taken_back(db: TestDb) {
    let (store, _) = with_owner(&db).await;
    let id = template("t");
    store
        .template_insert(id, "t", TemplateSource::Api, &push(1, "aa", None))
        .await
        .unwrap();
    assert!(!store.template_roll_back(id).await.unwrap());
    let quiet = VersionPush {
        activate: false,
        ..push(2, "bb", None)
    };
    store.template_version_push(id, &quiet).await.unwrap();
    store.template_promote(id, 2).await.unwrap();
    assert_eq!(active(&store, id).await, (Some(2), Some(1)));
    assert!(store.template_roll_back(id).await.unwrap());
    assert_eq!(active(&store, id).await, (Some(1), Some(2)));
    let missing = store.template_promote(id, 3).await;
    assert!(matches!(missing, Err(StoreError::NotFound { what: "version" })));
    assert_eq!(active(&store, id).await, (Some(1), Some(2)));
}

async fn the_folder_remembers_what_it_applied(db: TestDb) {
    let (store, _) = with_owner(&db).await;
    let (id, other) = (template("t"), template("u"));
    store
        .template_insert(id, "t", TemplateSource::Folder, &push(1, "aa", None))
        .await
        .unwrap();
    assert_eq!(
        store.template_get(id).await.unwrap().unwrap().applied.as_deref(),
        Some("aa")
    );
    store
        .template_insert(other, "u", TemplateSource::Api, &push(2, "aa", None))
        .await
        .unwrap();
    store.template_applied(other, "bb").await.unwrap();
    let record = store.template_get(other).await.unwrap().unwrap();
    assert_eq!(
        (record.applied.as_deref(), record.source),
        (Some("bb"), TemplateSource::Folder)
    );
    let missing = store.template_applied(template("v"), "bb").await;
    assert!(matches!(missing, Err(StoreError::NotFound { .. })));
}

async fn lists_are_filtered_and_paged(db: TestDb) {
    let (store, _) = with_owner(&db).await;
    let sources = [TemplateSource::Api, TemplateSource::Folder, TemplateSource::Api];
    for (n, source) in (1u128..).zip(sources) {
        let id = TemplateId::from_uuid(uuid(n));
        store
            .template_insert(id, &format!("t{n}"), source, &push(n, "aa", None))
            .await
            .unwrap();
    }
    let names = async |filter: TemplateFilter, page| {
        let (list, next) = store.templates_list(&filter, page).await.unwrap();
        (list.into_iter().map(|t| t.name).collect::<Vec<_>>(), next)
    };
    let (first, next) = names(TemplateFilter::default(), ListPage::first(2)).await;
    assert_eq!(first, ["t3", "t2"]);
    let (rest, next) = names(TemplateFilter::default(), ListPage { after: next, limit: 2 }).await;
    assert_eq!((rest, next), (vec!["t1".to_owned()], None));
    let pushed = TemplateFilter {
        source: Some(TemplateSource::Api),
        ..TemplateFilter::default()
    };
    assert_eq!(names(pushed, ListPage::first(9)).await.0, ["t3", "t1"]);
    let second = TemplateFilter {
        name: Some("t2".into()),
        ..TemplateFilter::default()
    };
    assert_eq!(names(second, ListPage::first(9)).await.0, ["t2"]);
    store.template_delete(TemplateId::from_uuid(uuid(2)), T0).await.unwrap();
    assert_eq!(
        names(TemplateFilter::default(), ListPage::first(9)).await.0,
        ["t3", "t1"]
    );
}

async fn a_large_archive_comes_back_whole(db: TestDb) {
    let (store, _) = with_owner(&db).await;
    let archive: Vec<u8> = (0u32..8 << 20)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let large = VersionPush {
        archive: &archive,
        ..push(1, "aa", None)
    };
    store
        .template_insert(template("t"), "t", TemplateSource::Api, &large)
        .await
        .unwrap();
    assert!(store.template_archive(version(1)).await.unwrap() == Some(archive));
}

bailey_testkit::db_tests!(
    a_template_is_read_as_written,
    a_name_is_taken_until_its_template_is_deleted,
    versions_count_up_and_the_same_content_is_one_version,
    what_was_there_is_found_by_its_content,
    a_promotion_can_be_taken_back,
    the_folder_remembers_what_it_applied,
    lists_are_filtered_and_paged,
    a_large_archive_comes_back_whole,
);
