//! A case: one application with everything that is known of it, and how it is materialised.
//!
//! The document is a pure function of the edits that count. An edit that cannot count yet waits; one that may
//! not is held, and its descendants with it. Neither blocks anything else.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::lines::{At, MAX_LINES};
use super::rows::{self, ApplicationRow, AttachmentRow, DocumentRow};
use super::rules::{self, Hold, MAX_EDIT_BYTES, MAX_EDITS};
use super::{MAX_HISTORY, Replica, ReplicaError};
use crate::application::{Branches, Document, ReplayError};
use crate::catalogue::ServiceFile;
use crate::journal::body::{Edit, NONCE, Parent, Request, Value};
use crate::journal::{
    AuthorId, Body, ChangeHash, Content, EntryHash, Journal, JournalId, Partition, Remains, StoredEntry,
    actor,
};
use crate::store::{Query, Store, Table};
use crate::workflow::{Decision, Event};
use crate::workflow::{State, state};

/// Edits that name one attachment and are looked at.
const MAX_NAMINGS: usize = 100_000;
/// Largest saved document, in bytes; a larger one is rebuilt from its entries at each reading.
const MAX_DOCUMENT: usize = 8 << 20;

/// Where an edit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is in the document.
    Applied,
    /// It waits for an entry it builds on, or for its catalogue version.
    Waiting,
    /// It is kept and does not count.
    Held(Hold),
}

/// An edit of a case.
#[derive(Debug, Clone)]
pub struct CaseEdit {
    /// Its position in the partition here.
    pub position: u64,
    /// Its name.
    pub hash: EntryHash,
    /// The line of its journal on which it stands.
    pub line: JournalId,
    /// Its author.
    pub author: AuthorId,
    /// Its number in the journal.
    pub seq: u64,
    /// Length of its body.
    pub bytes: usize,
    /// The actor of its change.
    pub actor: [u8; 16],
    /// What it says; nothing where the body cannot be read.
    pub edit: Option<Edit>,
    /// Where it stands.
    pub standing: Standing,
}

/// A request of a case.
#[derive(Debug, Clone)]
pub struct CaseRequest {
    /// Its name.
    pub hash: EntryHash,
    /// The line of its journal on which it stands.
    pub line: JournalId,
    /// Its author.
    pub author: AuthorId,
    /// Its number in the journal.
    pub seq: u64,
    /// What it asks.
    pub request: Request,
}

/// One application with everything that is known of it.
pub struct Case {
    /// Its partition.
    pub partition: Partition,
    /// Its id: the hash of its first entry.
    pub id: EntryHash,
    /// The file of its service, where that version is known here.
    pub service: Option<Arc<ServiceFile>>,
    /// Its edits, in order of position.
    pub edits: Vec<CaseEdit>,
    /// Its requests, in order of position.
    pub requests: Vec<CaseRequest>,
    /// Its official record.
    pub record: Vec<Decision>,
    /// Its document.
    pub document: Document,
    /// The last entry of each line about it.
    pub tips: BTreeMap<JournalId, u64>,
    /// What stays of it, where its bodies are gone.
    pub remains: Option<Remains>,
    lines: BTreeMap<JournalId, Line>,
    /// Where in `edits` each stands, by its name, and by its line and number.
    names: HashMap<EntryHash, usize>,
    places: HashMap<(JournalId, u64), usize>,
    changed: bool,
    /// Edits that turned out, when they were saved, to name attachments which are here already.
    pub renamed: Vec<EntryHash>,
}

/// What a case has to know of a line.
#[derive(Clone, Copy)]
struct Line {
    journal: Journal,
    fork: Option<(JournalId, u64)>,
}

impl Case {
    /// The state that its record folds to; a draft's where the service is not known here.
    pub fn state(&self) -> Option<State> {
        self.service.as_ref().map(|file| state(&file.service, &self.record))
    }

    /// A reserved register, as the first edit wrote it, or as its remains keep it.
    pub fn reserved(&self, register: &str) -> Option<String> {
        if let Some(remains) = &self.remains {
            return match register {
                "_nomor" => Some(remains.number.clone()),
                "_layanan" => Some(remains.service.clone()),
                "_versi" => Some(remains.version.clone()),
                "_varian" => remains.variant.clone(),
                "_wilayah" => remains.place.map(|place| place.to_string()),
                _ => None,
            };
        }
        let first = self.edits.iter().find(|edit| edit.hash == self.id)?.edit.as_ref()?;
        first.ops.iter().find(|op| op.register == register)?.value.text()
    }

    /// The registration number: the one its phone gave, or the office's where that was another's already.
    pub fn number(&self) -> String {
        let given = self.record.iter().rev().find(|decision| decision.kind == Event::Numbered);
        let given = given.and_then(|decision| decision.params.first()).map(|(_, number)| number.clone());
        given.or_else(|| self.reserved("_nomor")).unwrap_or_default()
    }

    /// The edit that made a change.
    pub fn edit_of(&self, change: &ChangeHash) -> Option<&CaseEdit> {
        self.edits.iter().find(|entry| entry.edit.as_ref().is_some_and(|edit| edit.change == *change))
    }

    /// Requests that no decision answers.
    pub fn open_requests(&self) -> impl Iterator<Item = &CaseRequest> {
        let answered: BTreeSet<EntryHash> = self.record.iter().filter_map(|d| d.request).collect();
        self.requests.iter().filter(move |request| !answered.contains(&request.hash))
    }

    /// The changes that these parents of an entry name; none where one is not in the document.
    pub fn resolve(&self, line: &JournalId, seq: u64, parents: &[Parent]) -> Option<Vec<ChangeHash>> {
        let edits = parents.iter().map(|parent| self.parent(line, seq, parent));
        edits
            .map(|edit| edit.filter(|e| e.standing == Standing::Applied)?.edit.as_ref().map(|e| e.change))
            .collect()
    }

    /// The edit that is held by itself and holds this one, which builds on it; the edit itself where it is held by
    /// itself, or where that is not known.
    pub fn holder(&self, edit: &EntryHash) -> EntryHash {
        let mut seen = BTreeSet::new();
        let mut todo: Vec<&CaseEdit> = self.edits.iter().filter(|one| one.hash == *edit).collect();
        while let Some(at) = todo.pop() {
            match at.standing {
                Standing::Held(Hold::Ancestor) if seen.insert(at.hash) => {}
                Standing::Held(hold) if hold != Hold::Ancestor => return at.hash,
                _ => continue,
            }
            let before = at.seq.saturating_sub(1);
            let own = self.edits.iter().filter(|e| e.seq <= before && self.follows(&at.line, before, e));
            todo.extend(own.max_by_key(|e| e.seq));
            let parents = at.edit.iter().flat_map(|edit| &edit.parents);
            todo.extend(parents.filter_map(|parent| self.parent(&at.line, at.seq, parent)));
        }
        *edit
    }

    /// Whether the entry of this line and number is the other one, or stands behind it in its journal.
    fn follows(&self, line: &JournalId, seq: u64, before: &CaseEdit) -> bool {
        let (mut line, mut until) = (*line, seq);
        for _ in 0..=MAX_LINES {
            if line == before.line {
                return before.seq <= until;
            }
            match self.lines.get(&line).and_then(|known| known.fork) {
                Some((parent, fork)) => (line, until) = (parent, until.min(fork)),
                None => return false,
            }
        }
        false
    }

    fn parent(&self, line: &JournalId, seq: u64, parent: &Parent) -> Option<&CaseEdit> {
        let at = match parent {
            Parent::First => self.names.get(&self.id),
            Parent::Back(distance) => self.place(line, seq.checked_sub(*distance)?),
            Parent::Entry(hash) => self.names.get(hash),
        };
        self.edits.get(*at?)
    }

    /// The edit of this number on a line, or before the line's beginning on the way to it.
    fn place(&self, line: &JournalId, seq: u64) -> Option<&usize> {
        let mut line = *line;
        for _ in 0..=MAX_LINES {
            if let Some(at) = self.places.get(&(line, seq)) {
                return Some(at);
            }
            line = self.lines.get(&line)?.fork.filter(|(_, fork)| seq <= *fork)?.0;
        }
        None
    }

    /// The shortest names, in an entry of `journal` numbered `seq`, of the edits that made these changes.
    pub fn parents_for(&self, changes: &[ChangeHash], journal: &JournalId, seq: u64) -> Option<Vec<Parent>> {
        let name = |change: &ChangeHash| {
            let edit = self.edit_of(change)?;
            Some(match edit {
                edit if edit.hash == self.id => Parent::First,
                edit if edit.line == *journal => Parent::Back(seq.checked_sub(edit.seq)?),
                edit => Parent::Entry(edit.hash),
            })
        };
        changes.iter().map(name).collect()
    }

    /// Positions of the edits that are in the document.
    fn applied(&self) -> impl Iterator<Item = u64> {
        self.edits.iter().filter(|e| e.standing == Standing::Applied).map(|e| e.position)
    }

    /// The document where no more than one edit is in it, which is not saved.
    fn document_of_one(&mut self) {
        let sole = |entry: &CaseEdit| Document::of_first(&entry.actor, entry.edit.as_ref()?);
        for entry in self.edits.iter_mut().filter(|entry| entry.standing == Standing::Applied) {
            match sole(entry) {
                Some(document) => self.document = document,
                None => entry.standing = Standing::Waiting,
            }
        }
    }

    /// Replays every edit that can count now; repeats until nothing more can.
    fn advance<S: Store>(&mut self, replica: &Replica<S>) -> Result<(), ReplicaError> {
        let Some(file) = self.service.clone() else { return Ok(()) };
        let adopted = self.adopted(replica)?;
        let mut branches = Branches::default();
        loop {
            let mut progress = false;
            for index in 0..self.edits.len() {
                let Some(edit) = self.edits.get(index).filter(|e| e.standing == Standing::Waiting) else {
                    continue;
                };
                let hash = edit.hash;
                let standing = match self.judge(replica, &file, index, adopted.contains(&hash))? {
                    Ok(parents) => self.apply(index, &parents, &mut branches),
                    Err(standing) => standing,
                };
                if standing != Standing::Waiting {
                    progress = true;
                    self.changed = true;
                    if let Some(edit) = self.edits.get_mut(index) {
                        edit.standing = standing;
                    }
                }
            }
            if !progress {
                return Ok(());
            }
        }
    }

    /// Whether the edit may be replayed now, at which changes; or where it stands instead.
    fn judge<S: Store>(
        &self,
        replica: &Replica<S>,
        file: &ServiceFile,
        index: usize,
        adopted: bool,
    ) -> Result<Result<Vec<ChangeHash>, Standing>, ReplicaError> {
        let Some(entry) = self.edits.get(index) else { return Ok(Err(Standing::Waiting)) };
        let Some(edit) = &entry.edit else { return Ok(Err(Standing::Held(Hold::Unreadable))) };
        let mut parents = Vec::with_capacity(edit.parents.len());
        for parent in &edit.parents {
            match self.parent(&entry.line, entry.seq, parent) {
                None => return Ok(Err(Standing::Waiting)),
                Some(parent) => match (parent.standing, &parent.edit) {
                    (Standing::Applied, Some(edit)) => parents.push(edit.change),
                    (Standing::Held(_), _) => return Ok(Err(Standing::Held(Hold::Ancestor))),
                    _ => return Ok(Err(Standing::Waiting)),
                },
            }
        }
        if let Some(standing) = self.order(entry, edit) {
            return Ok(Err(standing));
        }
        if !adopted && !self.permits(replica, entry)? {
            return Ok(Err(Standing::Held(Hold::NotPermitted)));
        }
        let office = entry.author == replica.office_author();
        Ok(match rules::check_edit(&file.service, edit, entry.hash == self.id, office) {
            Ok(()) => Ok(parents),
            Err(hold) => Err(Standing::Held(hold)),
        })
    }

    /// Whether the author may edit here. Nobody else's entries are taken in without a certificate, so where there
    /// is none, the entry is this replica's own: written before its first sync, or in a need-to-know partition of
    /// which the office does not know yet. The certificate, once it comes, judges it like any other.
    fn permits<S: Store>(&self, replica: &Replica<S>, entry: &CaseEdit) -> Result<bool, ReplicaError> {
        if entry.author == replica.office_author() {
            return Ok(true);
        }
        let Some(row) = replica.certificate(&self.partition, &entry.author)? else { return Ok(true) };
        Ok(rules::may_edit(row.certificate.role)
            && replica.admits(&self.partition, &row, At { line: entry.line, seq: entry.seq })?)
    }

    /// An author's edits of one application stand in a row: each has the one before it in its journal among its
    /// ancestors.
    fn order(&self, entry: &CaseEdit, edit: &Edit) -> Option<Standing> {
        if self.is_beyond(entry, edit) {
            return Some(Standing::Held(Hold::TooMany));
        }
        let before = entry.seq.saturating_sub(1);
        let mine = self.edits.iter().filter(|e| e.seq <= before && self.follows(&entry.line, before, e));
        let previous = mine.max_by_key(|e| e.seq)?;
        match previous.standing {
            Standing::Waiting => Some(Standing::Waiting),
            Standing::Held(_) => Some(Standing::Held(Hold::Ancestor)),
            Standing::Applied if self.is_ancestor(previous.hash, entry, edit) => None,
            Standing::Applied => Some(Standing::Held(Hold::Order)),
        }
    }

    /// Whether an edit's author has as many among its ancestors as count, in whichever of its journals.
    fn is_beyond(&self, entry: &CaseEdit, edit: &Edit) -> bool {
        let is_full = |edits: &mut dyn Iterator<Item = &CaseEdit>| {
            let (count, bytes) = edits.fold((0, 0), |(count, bytes), edit| (count + 1, bytes + edit.bytes));
            count >= MAX_EDITS || bytes >= MAX_EDIT_BYTES
        };
        let mine = |other: &&CaseEdit| other.author == entry.author;
        // Almost always there are too few for it to matter which of them it builds on.
        is_full(&mut self.edits.iter().filter(mine)) && is_full(&mut self.ancestors(entry, edit).filter(mine))
    }

    /// What an edit builds on, nearest first.
    fn ancestors<'a>(&'a self, entry: &CaseEdit, edit: &Edit) -> impl Iterator<Item = &'a CaseEdit> {
        let parents = |at: &CaseEdit, edit: &Edit| -> Vec<&'a CaseEdit> {
            edit.parents.iter().filter_map(|p| self.parent(&at.line, at.seq, p)).collect()
        };
        let mut todo = VecDeque::from(parents(entry, edit));
        let mut seen = HashSet::new();
        std::iter::from_fn(move || {
            let next = std::iter::from_fn(|| todo.pop_front()).find(|at| seen.insert(at.position))?;
            if let Some(edit) = &next.edit {
                todo.extend(parents(next, edit));
            }
            Some(next)
        })
    }

    fn is_ancestor(&self, wanted: EntryHash, entry: &CaseEdit, edit: &Edit) -> bool {
        // Almost always it is a parent: the way to it is short where people work.
        self.ancestors(entry, edit).any(|at| at.hash == wanted)
    }

    fn apply(&mut self, index: usize, parents: &[ChangeHash], branches: &mut Branches) -> Standing {
        let Some(entry) = self.edits.get(index) else { return Standing::Waiting };
        let Some(edit) = &entry.edit else { return Standing::Held(Hold::Unreadable) };
        let (document, actor) = (&mut self.document, &entry.actor);
        match document.replay_along(branches, parents, actor, edit.time, &edit.ops, Some(edit.change)) {
            Ok(_) => Standing::Applied,
            Err(ReplayError::Parents) => Standing::Waiting,
            Err(_) => Standing::Held(Hold::Hash),
        }
    }

    /// Edits that a supervisor admitted, with their ancestors.
    fn adopted<S: Store>(&self, replica: &Replica<S>) -> Result<BTreeSet<EntryHash>, ReplicaError> {
        let mut adopted = BTreeSet::new();
        let mut todo = Vec::new();
        for edit in &self.edits {
            if replica.store.get(&self.partition, Table::Held, &rows_adopted(&edit.hash))?.is_some() {
                todo.push(edit);
            }
        }
        while let Some(at) = todo.pop() {
            if adopted.insert(at.hash)
                && let Some(edit) = &at.edit
            {
                todo.extend(edit.parents.iter().filter_map(|p| self.parent(&at.line, at.seq, p)));
            }
        }
        Ok(adopted)
    }
}

/// Key of the row that marks an entry as adopted.
pub fn rows_adopted(hash: &EntryHash) -> Vec<u8> {
    [&b"adopt/"[..], &hash.0].concat()
}

impl<S: Store> Replica<S> {
    /// Reads a case as far as it is materialised.
    pub fn case(&self, partition: &Partition, id: &EntryHash) -> Result<Case, ReplicaError> {
        let row = self.document_row(partition, id)?;
        let kept = row.as_ref().is_some_and(|row| !row.applied.is_empty());
        let mut case = self.read_case(partition, id, row)?;
        if kept && case.document.heads().is_empty() {
            // Too large to be saved, or the cache is damaged: the entries are the truth.
            case.advance(self)?;
        }
        Ok(case)
    }

    /// What was materialised of a document.
    fn document_row(
        &self,
        partition: &Partition,
        id: &EntryHash,
    ) -> Result<Option<DocumentRow>, ReplicaError> {
        let saved = |replica: &Self| replica.store.get(partition, Table::Document, id.as_bytes());
        let row = match saved(self)? {
            Some(row) => Some(row),
            // A document of one edit is not saved: its entry says it all.
            None => match self.row(partition, id)?.and_then(|row| row.sole) {
                Some(sole) => return Ok(Some(DocumentRow::of_one(sole))),
                // Between the two looks another process may have added the second edit.
                None => saved(self)?,
            },
        };
        row.map(|bytes| rows::decode(&bytes)).transpose()
    }

    /// Reads a case with where each of its edits stands, held ones too: what was materialised says only which count.
    pub fn judged_case(&self, partition: &Partition, id: &EntryHash) -> Result<Case, ReplicaError> {
        let mut case = self.case(partition, id)?;
        case.advance(self)?;
        Ok(case)
    }

    /// Makes a case from its entries alone, whatever the rows say.
    pub fn case_from_entries(&self, partition: &Partition, id: &EntryHash) -> Result<Case, ReplicaError> {
        let mut case = self.read_case(partition, id, None)?;
        case.advance(self)?;
        Ok(case)
    }

    fn read_case(
        &self,
        partition: &Partition,
        id: &EntryHash,
        row: Option<DocumentRow>,
    ) -> Result<Case, ReplicaError> {
        let entries = self.store.entries(partition, Query::Application(id), MAX_HISTORY)?;
        if entries.is_empty() {
            return Err(ReplicaError::NotFound);
        }
        let document = row.as_ref().and_then(|row| load_document(row.saved.as_ref()?));
        let applied: BTreeSet<u64> = match (&document, row) {
            (Some(_), Some(row)) => row.applied.into_iter().collect(),
            (None, Some(row)) if row.saved.is_none() && row.applied.len() == 1 => {
                row.applied.into_iter().collect()
            }
            _ => BTreeSet::new(),
        };
        let mut case = Case {
            partition: *partition,
            id: *id,
            service: None,
            edits: Vec::new(),
            requests: Vec::new(),
            record: Vec::new(),
            document: Document::default(),
            tips: BTreeMap::new(),
            remains: None,
            lines: BTreeMap::new(),
            names: HashMap::new(),
            places: HashMap::new(),
            changed: false,
            renamed: Vec::new(),
        };
        if entries.iter().any(|(_, entry)| entry.content == Content::Destroyed)
            && let Some(gone) = self.gone(partition, id)?
        {
            case.tips = entries.iter().map(|(_, entry)| (entry.line, entry.header.seq)).collect();
            case.service = self.catalogue().by_hash(&gone.remains.catalogue);
            case.record.clone_from(&gone.remains.record);
            case.remains = Some(gone.remains);
            return Ok(case);
        }
        let mut record = Vec::new();
        for (position, entry) in entries {
            let journal = self.line_of(&mut case, entry.line)?.journal;
            let standing = if applied.contains(&position) { Standing::Applied } else { Standing::Waiting };
            self.sort_in(&mut case, &mut record, position, entry, &journal, standing);
        }
        match document {
            Some(document) => case.document = document,
            None => case.document_of_one(),
        }
        // The office's epochs begin with their number: what a restored office decided anew comes after what it had
        // decided before, whenever that came back.
        record.sort_by_key(|(epoch, seq, hash, _)| (*epoch, *seq, *hash));
        case.record = record.into_iter().map(|(.., decision)| decision).collect();
        case.hold_twins();
        let hash =
            case.reserved("_katalog").and_then(|hex| data_encoding::HEXLOWER.decode(hex.as_bytes()).ok());
        let hash: Option<[u8; 32]> = hash.and_then(|bytes| bytes.try_into().ok());
        case.service = hash.and_then(|hash| self.catalogue().by_hash(&hash));
        Ok(case)
    }

    /// What a case has to know of a line, and of those that lead to it.
    fn line_of(&self, case: &mut Case, line: JournalId) -> Result<Line, ReplicaError> {
        if let Some(known) = case.lines.get(&line) {
            return Ok(*known);
        }
        let row = self.line(&case.partition, &line)?.ok_or(ReplicaError::Damaged("jurnal"))?;
        let known = Line { journal: row.journal, fork: row.fork };
        case.lines.insert(line, known);
        if let Some((parent, _)) = row.fork {
            self.line_of(case, parent)?;
        }
        Ok(known)
    }

    fn sort_in(
        &self,
        case: &mut Case,
        record: &mut Vec<([u8; 8], u64, EntryHash, Decision)>,
        position: u64,
        entry: StoredEntry,
        journal: &Journal,
        standing: Standing,
    ) {
        let (line, seq, hash, author) = (entry.line, entry.header.seq, entry.hash, journal.author);
        case.tips.insert(line, seq);
        let Content::Present(bytes) = &entry.content else { return };
        let body = Body::from_bytes(bytes).ok();
        let actor = actor(&entry.header.journal, bytes.get(..NONCE).unwrap_or_default());
        let from_office = author == self.office_author();
        let edit = match body {
            Some(Body::Edit(edit)) => Some(edit),
            Some(Body::Request(request)) => {
                case.requests.push(CaseRequest { hash, line, author, seq, request });
                return;
            }
            Some(Body::Decision(decision)) if from_office => {
                record.push((journal.epoch, seq, hash, decision));
                return;
            }
            Some(_) => return,
            None => None,
        };
        let bytes = bytes.len();
        case.names.insert(hash, case.edits.len());
        case.places.insert((line, seq), case.edits.len());
        case.edits.push(CaseEdit { position, hash, line, author, seq, bytes, actor, edit, standing });
    }

    /// Brings a case up to date with its entries and writes what follows from them.
    pub fn materialise(&mut self, partition: &Partition, id: &EntryHash) -> Result<Case, ReplicaError> {
        let case = self.case(partition, id)?;
        self.bring_up(case)
    }

    /// Forgets what was materialised of a case and does it again, since what counts has changed.
    pub fn rematerialise(&mut self, partition: &Partition, id: &EntryHash) -> Result<Case, ReplicaError> {
        self.store.put(partition, Table::Document, id.as_bytes(), None)?;
        let case = self.read_case(partition, id, None)?;
        self.bring_up(case)
    }

    fn bring_up(&mut self, mut case: Case) -> Result<Case, ReplicaError> {
        case.advance(self)?;
        if case.changed {
            self.save_document(&case)?;
            case.renamed = self.save_attachments(&case)?;
            self.save_held(&case)?;
        }
        self.save_row(&case)?;
        Ok(case)
    }

    /// Saves a document that is more than one edit; of the others the application's row says what there is.
    fn save_document(&mut self, case: &Case) -> Result<(), ReplicaError> {
        let applied: Vec<u64> = case.applied().collect();
        let more = !applied.is_empty() && !case.document.is_of_first();
        let row = more.then(|| {
            let whole = case.document.save().filter(|bytes| bytes.len() <= MAX_DOCUMENT);
            let saved = whole.and_then(|bytes| zstd::bulk::compress(&bytes, 1).ok());
            rows::encode(&DocumentRow { applied, saved })
        });
        self.store.put(&case.partition, Table::Document, case.id.as_bytes(), row.as_deref())?;
        Ok(())
    }

    /// Saves what its edits name. Returns those that name what was here already: phones were told of it by another
    /// edit, which they may not have any more.
    fn save_attachments(&mut self, case: &Case) -> Result<Vec<EntryHash>, ReplicaError> {
        let mut renamed = Vec::new();
        for entry in case.edits.iter().filter(|e| e.standing == Standing::Applied) {
            for op in entry.edit.iter().flat_map(|edit| &edit.ops) {
                let Value::Attachment(hash, bytes) = op.value else { continue };
                let mut row = self.attachment(&case.partition, &hash)?.unwrap_or_default();
                let by = Some((entry.hash, case.id));
                if !row.named {
                    (row.bytes, row.named, row.by) = (bytes, true, by);
                    self.put_attachment(&case.partition, &hash, &row)?;
                }
                if row.by == by {
                    continue;
                }
                let key = [hash.as_bytes(), entry.hash.as_bytes()].concat();
                if row.here && self.store.get(&case.partition, Table::Naming, &key)?.is_none() {
                    renamed.push(entry.hash);
                }
                self.store.put(&case.partition, Table::Naming, &key, Some(case.id.as_bytes()))?;
            }
        }
        Ok(renamed)
    }

    /// What is known of an attachment that entries of this partition name.
    pub fn attachment(
        &self,
        partition: &Partition,
        hash: &crate::journal::AttachmentHash,
    ) -> Result<Option<AttachmentRow>, ReplicaError> {
        let row = self.store.get(partition, Table::Attachment, hash.as_bytes())?;
        row.map(|bytes| rows::decode(&bytes)).transpose()
    }

    /// The edits that name an attachment, each with its application.
    pub fn namings(
        &self,
        partition: &Partition,
        hash: &crate::journal::AttachmentHash,
    ) -> Result<Vec<(EntryHash, EntryHash)>, ReplicaError> {
        let first = self.attachment(partition, hash)?.and_then(|row| row.by);
        let rows = self.store.scan(partition, Table::Naming, hash.as_bytes(), None, MAX_NAMINGS)?;
        let damaged = |_| ReplicaError::Damaged("lampiran");
        let others = rows.iter().map(|(key, id)| {
            let edit = EntryHash::try_from(key.get(32..).unwrap_or_default()).map_err(damaged)?;
            Ok((edit, EntryHash::try_from(&id[..]).map_err(damaged)?))
        });
        first.map(Ok).into_iter().chain(others).collect()
    }

    /// Writes what is known of an attachment.
    pub fn put_attachment(
        &mut self,
        partition: &Partition,
        hash: &crate::journal::AttachmentHash,
        row: &AttachmentRow,
    ) -> Result<(), ReplicaError> {
        Ok(self.store.put(partition, Table::Attachment, hash.as_bytes(), Some(&rows::encode(row)))?)
    }

    fn save_held(&mut self, case: &Case) -> Result<(), ReplicaError> {
        for entry in &case.edits {
            let key = [&b"held/"[..], &entry.hash.0].concat();
            let reason = match entry.standing {
                Standing::Held(hold) => Some(format!("{hold:?}").into_bytes()),
                _ => None,
            };
            if reason.is_some() || self.store.get(&case.partition, Table::Held, &key)?.is_some() {
                self.store.put(&case.partition, Table::Held, &key, reason.as_deref())?;
            }
        }
        Ok(())
    }

    fn save_row(&mut self, case: &Case) -> Result<(), ReplicaError> {
        let before = self.row(&case.partition, &case.id)?;
        let mut row = self.make_row(case, before.as_ref())?;
        if case.partition_is_listed() {
            self.index_person(case, before.as_ref().and_then(|row| row.person), &mut row)?;
        }
        self.index_names(case, before.as_ref(), &row.number)?;
        if before.as_ref() != Some(&row) {
            let bytes = rows::encode(&row);
            self.store.put(&case.partition, Table::Application, case.id.as_bytes(), Some(&bytes))?;
        }
        Ok(())
    }

    fn index_names(
        &mut self,
        case: &Case,
        before: Option<&ApplicationRow>,
        number: &str,
    ) -> Result<(), ReplicaError> {
        if before.is_some_and(|before| before.number == number) {
            return Ok(());
        }
        let at = rows::encode(&(case.partition, case.id));
        if let Some(before) = before {
            let gone = rows::named_key(&before.number, &case.id);
            self.store.put(&Partition::Office, Table::Number, &gone, None)?;
        }
        if !number.is_empty() {
            let named = rows::named_key(number, &case.id);
            self.store.put(&Partition::Office, Table::Number, &named, Some(&at))?;
        }
        Ok(())
    }

    fn make_row(&self, case: &Case, before: Option<&ApplicationRow>) -> Result<ApplicationRow, ReplicaError> {
        let reserved = |name| case.reserved(name).unwrap_or_default();
        let state = case.state();
        let standing = |wanted: fn(&Standing) -> bool| {
            case.edits.iter().filter(|edit| wanted(&edit.standing)).count() as u32
        };
        let first = case.edits.iter().find(|e| e.hash == case.id).and_then(|e| e.edit.as_ref());
        Ok(ApplicationRow {
            number: case.number(),
            service: reserved("_layanan"),
            version: reserved("_versi"),
            variant: case.reserved("_varian"),
            catalogue: case.service.as_ref().map_or([0; 32], |file| file.hash),
            place: reserved("_wilayah").parse().ok(),
            state: state.as_ref().map_or_else(|| "DRAF".to_owned(), |state| state.code.clone()),
            revision: state.as_ref().map_or(0, |state| state.revision),
            decisions: case.record.iter().filter(|d| d.kind != Event::Numbered).count() as u32,
            tips: case.tips.iter().map(|(journal, seq)| (*journal, *seq)).collect(),
            open_requests: case.open_requests().count() as u32,
            waiting: standing(|s| *s == Standing::Waiting),
            held: standing(|s| matches!(s, Standing::Held(_))),
            person: before.and_then(|row| row.person),
            queue: before.and_then(|row| row.queue.clone()),
            words: before.and_then(|row| row.words.clone()),
            since: case.record.last().map(|d| d.at).or(first.map(|edit| edit.time)).unwrap_or_default(),
            heads: case.document.heads(),
            fin: state.is_some_and(|state| state.fin),
            gone: case.remains.is_some(),
            sole: case.applied().next().filter(|_| case.document.is_of_first()),
            name: if case.remains.is_some() { None } else { case.document.register("nama") },
        })
    }

    fn index_person(
        &mut self,
        case: &Case,
        before: Option<[u8; 32]>,
        row: &mut ApplicationRow,
    ) -> Result<(), ReplicaError> {
        let nik = if row.fin { None } else { case.document.register("nik") };
        row.person = nik.map(|nik| rows::person_key(&nik, &row.service));
        if before != row.person {
            let key = |person: [u8; 32]| [&person[..], case.id.as_bytes()].concat();
            if let Some(person) = before {
                self.store.put(&Partition::Office, Table::Person, &key(person), None)?;
            }
            if let Some(person) = row.person {
                let at = rows::encode(&(case.partition, case.id));
                self.store.put(&Partition::Office, Table::Person, &key(person), Some(&at))?;
            }
        }
        Ok(())
    }

    /// An application as lists show it.
    pub fn row(&self, partition: &Partition, id: &EntryHash) -> Result<Option<ApplicationRow>, ReplicaError> {
        let row = self.store.get(partition, Table::Application, id.as_bytes())?;
        row.map(|bytes| rows::decode(&bytes)).transpose()
    }

    /// Writes an application's row, after something beside its entries changed (its place in a queue).
    pub fn put_row(
        &mut self,
        partition: &Partition,
        id: &EntryHash,
        row: &ApplicationRow,
    ) -> Result<(), ReplicaError> {
        Ok(self.store.put(partition, Table::Application, id.as_bytes(), Some(&rows::encode(row)))?)
    }
}

impl Case {
    /// Holds edits that claim one actor: branches of a forked journal under the same random bytes, which no honest
    /// device draws. Which came first must not matter, so none counts.
    fn hold_twins(&mut self) {
        let mut seen = BTreeSet::new();
        let twins: BTreeSet<[u8; 16]> =
            self.edits.iter().map(|edit| edit.actor).filter(|actor| !seen.insert(*actor)).collect();
        if twins.is_empty() {
            return;
        }
        self.document = Document::default();
        for edit in &mut self.edits {
            let twin = twins.contains(&edit.actor);
            edit.standing = if twin { Standing::Held(Hold::Order) } else { Standing::Waiting };
        }
        self.changed = true;
    }

    /// Need-to-know applications stand in no index over people.
    fn partition_is_listed(&self) -> bool {
        !matches!(self.partition, Partition::NeedToKnow(_))
    }
}

fn load_document(saved: &[u8]) -> Option<Document> {
    Document::load(&zstd::bulk::decompress(saved, MAX_DOCUMENT).ok()?).ok()
}
