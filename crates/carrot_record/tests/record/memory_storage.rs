//! A disk in memory that remembers every change, and what a crash may have kept of them.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Component, Path},
    sync::{Arc, Mutex},
};

use carrot_record::{Storage, StorageFile};

/// Index of a file or folder, as an inode is; the root folder is 0.
type Node = usize;

/// One change, as the device may or may not have seen it when the power goes.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Link { folder: Node, name: String, node: Node },
    Rename { folder: Node, from: String, to: String, node: Node },
    Unlink { folder: Node, name: String },
    Write { node: Node, bytes: Vec<u8> },
    SyncFile { node: Node },
    SyncFolder { node: Node },
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Kept,
    Lost,
    /// Half of a write.
    Torn,
}

#[derive(Clone, Debug)]
enum Content {
    File(Vec<u8>),
    Folder(BTreeMap<String, Node>),
}

#[derive(Clone, Debug)]
struct State {
    nodes: Vec<Content>,
    changes: Vec<Change>,
}

/// Clones share one disk.
#[derive(Clone, Debug)]
pub(crate) struct MemoryStorage(Arc<Mutex<State>>);

impl MemoryStorage {
    pub(crate) fn new() -> Self {
        let nodes = vec![Content::Folder(BTreeMap::new())];
        Self(Arc::new(Mutex::new(State { nodes, changes: Vec::new() })))
    }

    /// A copy that starts remembering now: everything so far is safe on the device.
    pub(crate) fn settled(&self) -> Self {
        let mut state = self.0.lock().unwrap().clone();
        state.changes.clear();
        Self(Arc::new(Mutex::new(state)))
    }

    pub(crate) fn changes(&self) -> Vec<Change> {
        self.0.lock().unwrap().changes.clone()
    }

    /// This disk after some changes that another copy of it remembered.
    pub(crate) fn after<'a>(&self, changes: impl IntoIterator<Item = (&'a Change, Fate)>) -> Self {
        let copy = self.settled();
        {
            let mut state = copy.0.lock().unwrap();
            for (change, fate) in changes {
                state.apply(change, fate);
            }
        }
        copy
    }
}

impl State {
    fn apply(&mut self, change: &Change, fate: Fate) {
        if let Change::Link { node, .. } | Change::Write { node, .. } = change {
            // Nodes that this copy has not seen yet; a link says nothing about contents.
            let empty = || Content::File(Vec::new());
            self.nodes.resize_with(self.nodes.len().max(node + 1), empty);
        }
        match change {
            _ if fate == Fate::Lost => {}
            Change::Link { folder, name, node } => {
                self.folder(*folder).insert(name.clone(), *node);
            }
            Change::Rename { folder, from, to, node } => {
                let names = self.folder(*folder);
                names.retain(|name, at| name != from || at != node);
                names.insert(to.clone(), *node);
            }
            Change::Unlink { folder, name } => {
                self.folder(*folder).remove(name);
            }
            Change::Write { node, bytes } => {
                let length = if fate == Fate::Torn { bytes.len() / 2 } else { bytes.len() };
                let Content::File(content) = &mut self.nodes[*node] else { panic!("writing to a folder") };
                content.extend_from_slice(&bytes[..length]);
            }
            Change::SyncFile { .. } | Change::SyncFolder { .. } => {}
        }
    }

    /// The names in a folder; a node first seen here becomes one.
    fn folder(&mut self, node: Node) -> &mut BTreeMap<String, Node> {
        if node >= self.nodes.len() {
            self.nodes.resize_with(node + 1, || Content::File(Vec::new()));
        }
        if matches!(&self.nodes[node], Content::File(bytes) if bytes.is_empty()) {
            self.nodes[node] = Content::Folder(BTreeMap::new());
        }
        match &mut self.nodes[node] {
            Content::Folder(names) => names,
            Content::File(_) => panic!("a file used as a folder"),
        }
    }

    fn change(&mut self, change: Change) {
        self.apply(&change, Fate::Kept);
        self.changes.push(change);
    }

    fn find(&self, path: &Path) -> io::Result<Node> {
        let mut node = 0;
        for component in path.components() {
            let Component::Normal(name) = component else { continue };
            let Content::Folder(names) = &self.nodes[node] else {
                return Err(io::ErrorKind::NotADirectory.into());
            };
            node = *names.get(name.to_str().unwrap()).ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(node)
    }

    /// The folder that a path lies in, and the path's last name.
    fn place(&self, path: &Path) -> io::Result<(Node, String)> {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        Ok((self.find(path.parent().unwrap())?, name))
    }

    fn add(&mut self, path: &Path, content: Content) -> io::Result<Node> {
        let (folder, name) = self.place(path)?;
        self.nodes.push(content);
        let node = self.nodes.len() - 1;
        self.change(Change::Link { folder, name, node });
        Ok(node)
    }
}

struct MemoryFile {
    storage: MemoryStorage,
    node: Node,
}

impl Write for MemoryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let change = Change::Write { node: self.node, bytes: bytes.to_vec() };
        self.storage.0.lock().unwrap().change(change);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl StorageFile for MemoryFile {
    fn sync(&mut self) -> io::Result<()> {
        self.storage.0.lock().unwrap().change(Change::SyncFile { node: self.node });
        Ok(())
    }
}

impl Storage for MemoryStorage {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        match state.find(path) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => state.add(path, Content::Folder(BTreeMap::new())).map(drop),
        }
    }

    fn create_file(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        // An existing file gets a new node, which is how losing its old contents looks after a crash.
        let node = self.0.lock().unwrap().add(path, Content::File(Vec::new()))?;
        Ok(Box::new(MemoryFile { storage: self.clone(), node }))
    }

    fn append_file(&self, path: &Path) -> io::Result<(Box<dyn StorageFile>, u64)> {
        self.create_file(path).map(|file| (file, 0))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let node = state.find(path)?;
        state.change(Change::SyncFolder { node });
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let node = state.find(from)?;
        let (folder, from) = state.place(from)?;
        let (to_folder, to) = state.place(to)?;
        assert_eq!(folder, to_folder, "no rename crosses folders");
        state.change(Change::Rename { folder, from, to, node });
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.find(path)?;
        let (folder, name) = state.place(path)?;
        state.change(Change::Unlink { folder, name });
        Ok(())
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        for name in self.list(path)? {
            self.remove_file(&path.join(name))?;
        }
        self.remove_file(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let state = self.0.lock().unwrap();
        match &state.nodes[state.find(path)?] {
            Content::Folder(names) => Ok(names.keys().cloned().collect()),
            // A folder none of whose names reached the device.
            Content::File(bytes) if bytes.is_empty() => Ok(Vec::new()),
            Content::File(_) => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let state = self.0.lock().unwrap();
        match &state.nodes[state.find(path)?] {
            Content::File(bytes) if bytes.len() as u64 <= limit => Ok(bytes.clone()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}
