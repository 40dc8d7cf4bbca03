//! Files that get their name once they are whole, and names that survive a loss of power.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

/// # Errors
/// [`ErrorKind::AlreadyExists`] if there is anything of this name, a link that leads nowhere included.
pub fn refuse_existing(file: &Path) -> io::Result<()> {
    match fs::symlink_metadata(file) {
        Ok(_) => Err(io::Error::new(ErrorKind::AlreadyExists, "there is a file already")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Gives a finished file, whose content is synced, its name, durably. What the file was called before may be left:
/// remove it.
///
/// # Errors
/// Also if there is a file of this name, which is left as it is.
pub fn give_name(finished: &Path, file: &Path) -> io::Result<()> {
    match fs::hard_link(finished, file) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            // Not every file system has links. A rename would replace what came there in the meantime.
            refuse_existing(file)?;
            fs::rename(finished, file)?;
        }
        linked => linked?,
    }
    sync_folder(folder_of(file))
}

/// The folder that a file is or will be in.
pub fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes new names in a folder durable.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Folders are not opened here; the file system keeps names on its own.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
