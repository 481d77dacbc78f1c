//! A static file server for the built page.

use std::fs::File;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tiny_http::{Header, Method, Request, Response, Server};

use crate::shell::say;

/// A browser asks for several files at once, some of them large.
const THREADS: usize = 4;

/// Serves `dir` on localhost until the process is ended, on `port` or the next free one.
pub fn serve(dir: &Path, port: u16) -> Result<()> {
    if !dir.join("index.html").is_file() {
        bail!("{} has no index.html: the page was not built", dir.display());
    }
    let server = (port..port.saturating_add(100)).find_map(|port| Server::http(("127.0.0.1", port)).ok());
    let server = Arc::new(server.with_context(|| format!("no free port from {port} on; choose one with --port"))?);
    let port = server.server_addr().to_ip().map_or(port, |address| address.port());
    say(format!("the page is at http://localhost:{port} (Ctrl-C ends it)"));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Ok(request) = server.recv() {
                    // The visitor closed the connection: nobody is left to tell.
                    let _ = answer(dir, request);
                }
            });
        }
    });
    Ok(())
}

fn answer(dir: &Path, request: Request) -> std::io::Result<()> {
    if !matches!(request.method(), Method::Get | Method::Head) {
        return request.respond(Response::from_string("only GET\n").with_status_code(405));
    }
    let opened = file_for(dir, request.url()).and_then(|path| Some((File::open(&path).ok()?, path)));
    let Some((file, path)) = opened else {
        return request.respond(Response::from_string("not found\n").with_status_code(404));
    };
    let mut response = Response::from_file(file);
    let headers = [
        ("Content-Type", content_type(&path)),
        // A page built again must not meet the scripts of the last one.
        ("Cache-Control", "no-cache"),
        // Cross-origin isolated: where the module with threads was built, the page may use it.
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Embedder-Policy", "require-corp"),
    ];
    for (name, value) in headers {
        if let Ok(header) = Header::from_bytes(name, value) {
            response.add_header(header);
        }
    }
    request.respond(response)
}

/// The file that a URL names, which is always inside `dir`.
fn file_for(dir: &Path, url: &str) -> Option<PathBuf> {
    let path = decode(url.split(['?', '#']).next()?)?;
    let relative = Path::new(path.trim_start_matches('/'));
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let file = dir.join(relative);
    Some(if file.is_dir() { file.join("index.html") } else { file })
}

/// Undoes percent-encoding.
fn decode(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        // Any other type, and the browser does not compile while it downloads.
        Some("wasm") => "application/wasm",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("webp") => "image/webp",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt" | "md") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_never_leaves_the_directory() {
        let dir = Path::new("/page");
        assert_eq!(file_for(dir, "/a%20b.js?x=1"), Some(PathBuf::from("/page/a b.js")));
        assert_eq!(file_for(dir, "/../secret"), None);
        assert_eq!(file_for(dir, "/%2e%2e/secret"), None);
        assert_eq!(file_for(dir, "/%2"), None);
        assert_eq!(file_for(dir, "//etc/passwd"), Some(PathBuf::from("/page/etc/passwd")));
    }
}
