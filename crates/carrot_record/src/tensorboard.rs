//! TensorBoard event files, written and read without TensorFlow.
//!
//! # Source
//! TensorFlow's `event.proto` and `summary.proto` (field numbers) and `record_writer.cc` (framing: length, masked
//! CRC32C of the length, data, masked CRC32C of the data).

use std::{
    fs,
    path::{Path, PathBuf},
};

use prost::Message;

use crate::{RecordError, Storage, appender::Appender};

const FILE_VERSION: &str = "brain.Event:2";
const FILE_PREFIX: &str = "events.out.tfevents.";
const SESSION_START: i32 = 1;

mod proto {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Event {
        #[prost(double, tag = "1")]
        pub wall_time: f64,
        #[prost(int64, tag = "2")]
        pub step: i64,
        #[prost(oneof = "What", tags = "3, 5, 7")]
        pub what: Option<What>,
    }

    #[derive(Clone, PartialEq, prost::Oneof)]
    pub(super) enum What {
        #[prost(string, tag = "3")]
        FileVersion(String),
        #[prost(message, tag = "5")]
        Summary(Summary),
        #[prost(message, tag = "7")]
        SessionLog(SessionLog),
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Summary {
        #[prost(message, repeated, tag = "1")]
        pub value: Vec<Value>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Value {
        #[prost(string, tag = "1")]
        pub tag: String,
        // `optional` only so that a zero is written and shown, not left out.
        #[prost(float, optional, tag = "2")]
        pub simple_value: Option<f32>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct SessionLog {
        #[prost(int32, tag = "1")]
        pub status: i32,
    }
}

/// Writes scalars to an event file of its own; a resumed run starts a new file.
pub struct EventWriter {
    appender: Appender,
}

impl EventWriter {
    /// Starts a new event file in `folder`.
    ///
    /// With `resume_step` the file begins with a session-start record: TensorBoard then forgets the points at and
    /// after that step which the interrupted session had still written.
    /// TensorBoard reads the files of a folder in the order of their names, which begin with the time: should the
    /// clock have been set back, the new file is named after the newest one there.
    ///
    /// # Units
    /// `wall_secs`: seconds since 1970.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn create(
        storage: &dyn Storage,
        folder: &Path,
        wall_secs: f64,
        resume_step: Option<u64>,
    ) -> Result<Self, RecordError> {
        let names = storage.list(folder).map_err(RecordError::io("list", folder))?;
        let sessions: Vec<&str> = names.iter().filter_map(|name| name.strip_prefix(FILE_PREFIX)).collect();
        let newest = sessions.iter().filter_map(|name| name.split('.').next()?.parse().ok()).max();
        let stamp = newest.unwrap_or(0).max(wall_secs as u64);
        let name = format!("{FILE_PREFIX}{stamp:010}.carrot.{:04}", sessions.len());

        let mut writer = Self { appender: Appender::open(storage, &folder.join(name))? };
        writer.push(0, wall_secs, proto::What::FileVersion(FILE_VERSION.into()));
        if let Some(step) = resume_step {
            let start = proto::SessionLog { status: SESSION_START };
            writer.push(step, wall_secs, proto::What::SessionLog(start));
        }
        writer.flush()?;
        Ok(writer)
    }

    /// Adds one point to each of several curves, in memory.
    ///
    /// # Units
    /// `step`: environment steps summed over all envs; `wall_secs`: seconds since 1970.
    pub fn write_scalars<'a>(
        &mut self,
        step: u64,
        wall_secs: f64,
        scalars: impl IntoIterator<Item = (&'a str, f32)>,
    ) {
        let value = scalars
            .into_iter()
            .map(|(tag, value)| proto::Value { tag: tag.to_owned(), simple_value: Some(value) })
            .collect();
        self.push(step, wall_secs, proto::What::Summary(proto::Summary { value }));
    }

    /// Hands all points to the operating system, whole records only unless the disk is full.
    ///
    /// # Errors
    /// [`RecordError::Io`]; what was not written stays pending and is written by the next flush.
    pub fn flush(&mut self) -> Result<(), RecordError> {
        self.appender.flush()
    }

    /// Forgets the records that wait, for a disk that stays full, and returns their number.
    pub fn discard_pending(&mut self) -> usize {
        self.appender.discard_pending()
    }

    /// The file being written.
    pub fn path(&self) -> &Path {
        self.appender.path()
    }

    fn push(&mut self, step: u64, wall_time: f64, what: proto::What) {
        let event = proto::Event { wall_time, step: step as i64, what: Some(what) };
        let data = event.encode_to_vec();
        let length = (data.len() as u64).to_le_bytes();
        let mut record = Vec::with_capacity(data.len() + 16);
        record.extend_from_slice(&length);
        record.extend_from_slice(&masked_crc(&length).to_le_bytes());
        record.extend_from_slice(&data);
        record.extend_from_slice(&masked_crc(&data).to_le_bytes());
        self.appender.push(&record);
    }
}

/// One record of an event file.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRecord {
    /// Environment steps.
    pub step: u64,
    /// Seconds since 1970.
    pub wall_secs: f64,
    /// What it says.
    pub content: EventContent,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq)]
pub enum EventContent {
    /// The first record of every file.
    FileVersion(String),
    /// A resumed run goes on from here.
    SessionStart,
    /// Points of curves.
    Scalars(Vec<(String, f32)>),
    /// Something that we do not write.
    Other,
}

/// Reads an event file and checks every checksum; a torn last record is left out.
///
/// # Errors
/// [`RecordError::Corrupt`] for a wrong checksum or a record that does not parse, [`RecordError::Io`].
pub fn read_events(path: &Path) -> Result<Vec<EventRecord>, RecordError> {
    let bytes = fs::read(path).map_err(RecordError::io("read", path))?;
    let corrupt = |at: usize, what: &str| RecordError::corrupt(path, format!("record at byte {at}: {what}"));
    let mut records = Vec::new();
    let mut at = 0;
    while let Some((length, length_crc)) = field::<8>(&bytes, at).zip(field::<4>(&bytes, at + 8)) {
        if masked_crc(&length) != u32::from_le_bytes(length_crc) {
            return Err(corrupt(at, "wrong checksum of the length"));
        }
        let data_end =
            usize::try_from(u64::from_le_bytes(length)).ok().and_then(|n| (at + 12).checked_add(n));
        let Some((data_end, data_crc)) = data_end.and_then(|end| Some((end, field::<4>(&bytes, end)?)))
        else {
            break;
        };
        let data = &bytes[at + 12..data_end];
        if masked_crc(data) != u32::from_le_bytes(data_crc) {
            return Err(corrupt(at, "wrong checksum of the data"));
        }
        let event = proto::Event::decode(data).map_err(|error| corrupt(at, &error.to_string()))?;
        records.push(EventRecord::from(event));
        at = data_end + 4;
    }
    Ok(records)
}

/// The event files of a folder, oldest first.
///
/// # Errors
/// [`RecordError::Io`].
pub fn event_files(storage: &dyn Storage, folder: &Path) -> Result<Vec<PathBuf>, RecordError> {
    let names = storage.list(folder).map_err(RecordError::io("list", folder))?;
    Ok(names.iter().filter(|name| name.starts_with(FILE_PREFIX)).map(|name| folder.join(name)).collect())
}

impl From<proto::Event> for EventRecord {
    fn from(event: proto::Event) -> Self {
        let content = match event.what {
            Some(proto::What::FileVersion(version)) => EventContent::FileVersion(version),
            Some(proto::What::SessionLog(log)) if log.status == SESSION_START => EventContent::SessionStart,
            Some(proto::What::Summary(summary)) => EventContent::Scalars(
                summary
                    .value
                    .into_iter()
                    .filter_map(|value| Some((value.tag, value.simple_value?)))
                    .collect(),
            ),
            _ => EventContent::Other,
        };
        Self { step: event.step as u64, wall_secs: event.wall_time, content }
    }
}

/// CRC32C, rotated and shifted so that a checksum of data that holds checksums stays meaningful.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}
