//! Files and folders that are for their owner alone.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

/// Makes the file, and the folders on the way to it, readable for their owner alone.
pub fn make_private(file: &Path) -> io::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        make_folder(folder)?;
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}

pub fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Takes the rights that others have to a database and its log, which may have been made by an earlier Runnel, by
/// another program or by a copy. Where that is not allowed, it is told in the log: the files are another person's.
#[cfg(unix)]
pub fn keep_from_others(file: &Path, log_folder: &Path) {
    let mut paths = vec![file.to_owned(), log_folder.to_owned()];
    for suffix in ["-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        paths.push(name.into());
    }
    if let Ok(entries) = fs::read_dir(log_folder) {
        paths.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    }
    for path in paths {
        if let Err(error) = take_rights_of_others(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "others may read this; its rights cannot be changed");
        }
    }
}

#[cfg(unix)]
fn take_rights_of_others(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    let owners = mode & 0o700;
    if mode == owners {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(owners))
}

/// Where the person's own folder is private already.
#[cfg(not(unix))]
pub fn keep_from_others(_: &Path, _: &Path) {}
