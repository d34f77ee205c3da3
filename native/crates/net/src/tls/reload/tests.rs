use std::fs;

use super::*;

fn reading(path: &std::path::Path) -> Reloading<String> {
    let source = Source::File(path.display().to_string());
    let read = source.clone();
    Reloading::new(vec![source], Some(Duration::from_secs(60)), move || {
        let text = String::from_utf8_lossy(&read.read("key")?).into_owned();
        if text == "bad" { Err(TlsError::Config(text)) } else { Ok(text) }
    })
    .expect("first value")
}

#[tokio::test(start_paused = true)]
async fn looks_again_only_after_the_interval() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("key.pem");
    fs::write(&path, "one").expect("write");
    let value = reading(&path);
    fs::write(&path, "two").expect("write");
    assert_eq!(*value.get(), "one");
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(*value.get(), "two");
    assert_eq!(value.stats(), ReloadStats { reloads: 1, failures: 0 });
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(*value.get(), "two");
    assert_eq!(value.stats(), ReloadStats { reloads: 1, failures: 0 });
}

#[tokio::test(start_paused = true)]
async fn keeps_the_old_value_when_the_new_file_is_bad_or_gone() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("key.pem");
    fs::write(&path, "one").expect("write");
    let value = reading(&path);
    fs::write(&path, "bad").expect("write");
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(*value.get(), "one");
    assert_eq!(value.failure(), Some(TlsError::Config("bad".into())));
    fs::remove_file(&path).expect("remove");
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(*value.get(), "one");
    assert!(matches!(value.failure(), Some(TlsError::File { .. })));
    fs::write(&path, "two").expect("write");
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(*value.get(), "two");
    assert_eq!(value.failure(), None);
    assert_eq!(value.stats(), ReloadStats { reloads: 1, failures: 2 });
}
