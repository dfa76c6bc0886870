//! Puts the web app's files into the binary, as `scripts/build-web.sh` left them in `web/dist/app`. Without them the server
//! says how to build them.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};
use std::{fs, io};

fn main() -> io::Result<()> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/dist");
    // This directory is always there, so a build without the web app is not out of date each time.
    println!("cargo::rerun-if-changed={}", dist.display());
    let app = dist.join("app");
    let mut files = Vec::new();
    if app.is_dir() {
        collect(&app, &mut files)?;
        files.sort();
    }
    let mut table = String::from("static FILES: &[File] = &[\n");
    for file in files.iter().filter(|file| !is_packed(file)) {
        entry(&mut table, &app, file)?;
    }
    table.push_str("];\n");
    let out = std::env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    fs::write(PathBuf::from(out).join("web.rs"), table)
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn is_packed(file: &Path) -> bool {
    file.extension().is_some_and(|e| e == "br" || e == "gz")
}

fn entry(table: &mut String, app: &Path, file: &Path) -> io::Result<()> {
    let name = file.strip_prefix(app).map_err(io::Error::other)?;
    let name = name
        .to_str()
        .ok_or_else(|| io::Error::other("a file's name is not UTF-8"))?;
    let kind = match file.extension().and_then(|e| e.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => {
            return Err(io::Error::other(format!(
                "the web app has a file of no known type: {name}"
            )));
        }
    };
    let mut hasher = DefaultHasher::new();
    hasher.write(&fs::read(file)?);
    let packed = |extension: &str| {
        let path = PathBuf::from(format!("{}.{extension}", file.display()));
        if path.is_file() {
            format!("Some(include_bytes!({:?}))", path.display().to_string())
        } else {
            "None".to_owned()
        }
    };
    writeln!(
        table,
        "File {{ path: {:?}, kind: {kind:?}, etag: {:?}, plain: include_bytes!({:?}), gzip: {}, brotli: {} }},",
        format!("/{name}"),
        format!("\"{:016x}\"", hasher.finish()),
        file.display().to_string(),
        packed("gz"),
        packed("br"),
    )
    .map_err(io::Error::other)
}
