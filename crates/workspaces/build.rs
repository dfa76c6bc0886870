//! Puts the starter templates of the repository into the program, file by file.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates");
    println!("cargo::rerun-if-changed={}", templates.display());
    let mut code = String::from("&[\n");
    for template in sorted(&templates)? {
        if !template.join("template.toml").is_file() {
            continue;
        }
        println!("cargo::rerun-if-changed={}", template.display());
        let mut files = Vec::new();
        collect(&template, &mut files)?;
        writeln!(code, "({:?}, &[", name(&template)?)?;
        for file in files {
            println!("cargo::rerun-if-changed={}", file.display());
            let executable = fs::metadata(&file)?.permissions().mode() & 0o111 != 0;
            let path = name(file.strip_prefix(&template)?)?;
            let content = file.canonicalize()?;
            let content = name(&content)?;
            writeln!(
                code,
                "({path:?}, {executable}, include_bytes!({content:?}).as_slice()),"
            )?;
        }
        code.push_str("]),\n");
    }
    code.push(']');
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?);
    fs::write(out.join("starters.rs"), code)?;
    Ok(())
}

fn name(path: &Path) -> Result<&str, Box<dyn Error>> {
    let path = if path.is_absolute() && path.is_dir() {
        Path::new(path.file_name().ok_or("no name")?)
    } else {
        path
    };
    path.to_str().ok_or_else(|| "a path is no UTF-8".into())
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for path in sorted(directory)? {
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn sorted(directory: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let entries = fs::read_dir(directory)?;
    let mut paths = entries
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}
