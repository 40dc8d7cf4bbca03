//! One Runnel for one database, whatever name it is opened by.
//!
//! Two that write answers would each take the other's for left over from a crash and end them. Two locks are held as
//! long as the store is open:
//!
//! - A file in the log folder, which stands beside the database's canonical path: a symbolic link, to the file or to
//!   a folder on the way, leads to the same one.
//! - On Linux, the database file itself, so that hard links, which are names of one inode with different paths, are
//!   one database too. It is `flock`, which belongs to the open file and is apart from the `fcntl` locks that SQLite
//!   takes on the same file. On other systems the two kinds meet, and SQLite would wait for us.
//!
//! `fcntl` has a trap: whenever a process closes any descriptor of a file, it loses all its `fcntl` locks on that file,
//! SQLite's included. So ours is opened before SQLite opens the file and closed after SQLite has closed it
//! ([`Lock::release`]); a lock that is only dropped gives up the `flock` and leaves its descriptor open.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// What says that a database is in use. Held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    file: Option<File>,
    folder: Option<File>,
}

impl Lock {
    /// Locks the database file, which is there. Nothing is made or changed. `None` if it is locked.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn of_file(database: &Path) -> io::Result<Option<Self>> {
        if !cfg!(target_os = "linux") {
            return Ok(Some(Self { file: None, folder: None }));
        }
        let file = try_lock(File::open(database)?)?;
        Ok(file.map(|file| Self { file: Some(file), folder: None }))
    }

    /// Locks the log folder too, which is there. `None` if it is locked.
    ///
    /// # Errors
    /// The file in it that is locked cannot be made.
    pub fn and_folder(mut self, log_folder: &Path) -> io::Result<Option<Self>> {
        let file = try_lock(open_folder_lock(log_folder)?)?;
        self.folder = file;
        Ok(self.folder.is_some().then_some(self))
    }

    /// Gives everything up. To be called once SQLite has closed the file.
    pub fn release(mut self) {
        drop(self.file.take());
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // If it fails, the lock ends with the process.
            let _ = file.unlock();
            std::mem::forget(file);
        }
    }
}

/// True if the database, as a file with several names, is locked by a Runnel that opened it by another one. SQLite
/// keeps its write-ahead log by the name, so by this name nobody may read or write it then.
///
/// # Errors
/// The file cannot be opened.
#[cfg(target_os = "linux")]
pub fn is_held_by_another_name(database: &Path, log_folder: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let file = File::open(database)?;
    if file.metadata()?.nlink() < 2 || is_free(&file)? {
        return Ok(false);
    }
    // Whoever opened it by this name holds both.
    match File::open(log_folder.join(FOLDER_LOCK)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        opened => is_free(&opened?),
    }
}

#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub fn is_held_by_another_name(_: &Path, _: &Path) -> io::Result<bool> {
    Ok(false)
}

/// True if a Runnel uses this log folder.
///
/// # Errors
/// What the system says.
pub fn is_folder_in_use(log_folder: &Path) -> io::Result<bool> {
    match File::open(log_folder.join(FOLDER_LOCK)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        opened => Ok(!is_free(&opened?)?),
    }
}

const FOLDER_LOCK: &str = "lock";

fn open_folder_lock(log_folder: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(log_folder.join(FOLDER_LOCK))
}

fn try_lock(file: File) -> io::Result<Option<File>> {
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn is_free(file: &File) -> io::Result<bool> {
    match file.try_lock_shared() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
