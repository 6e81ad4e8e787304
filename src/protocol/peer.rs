//! One peer: `Peer::step` takes what happened and says what to do.
//!
//! Here stands what it keeps, the one `match` over all that can happen, and the deadlines. What each input means stands in
//! the file of its mechanism.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use rand::rngs::SmallRng;
use rand::SeedableRng;

use super::admission::Visitors;
use super::budget::Budget;
use super::calls::Calls;
use super::conflict::Contested;
use super::contacts::Contacts;
use super::doubt::Doubts;
use super::effect::{Effects, State, Store};
use super::election::COUNTER_JOINED_MAX;
use super::input::{Alarm, Done, Found, Input, Time};
use super::log::Log;
use super::pending::Pending;
use super::reach::Outsiders;
use super::role::{Following, Leading, Role, Seeking};
use super::token::Secret;
use super::turn::Turn;
use super::view::Members;
use crate::ids::{Incarnation, Origin, PeerId, Sequence, Term, NEEDS_ALL};
use crate::wire::{Contact, Seat, Timing};

/// How often a leader lifts its term in a heartbeat timeout: each joiner may have promised more than the one before.
const RAISES_MAX: u32 = 8;

/// How often a member passes word of another leader on to its own in a heartbeat interval.
const PASSES_MAX: u32 = 8;

/// What a peer is told about itself when it is made.
#[derive(Debug, Clone)]
pub struct Settings {
    pub id: PeerId,
    pub priority: i64,
    pub incarnation: Incarnation,
    /// Where it listens; an unspecified address means "whatever the other side sees".
    pub endpoint: SocketAddr,
    pub group: String,
    pub quorum: Option<u32>,
    /// What is pending is kept on disk, for the next life.
    pub resume: bool,
    pub timing: Timing,
    /// Are there `--join` addresses to ask?
    pub joins: bool,
    /// Seed of the jitter in discovery.
    pub seed: u64,
    /// Where its tokens come from; known to nobody else.
    pub secret: Secret,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts that do not exclude each other")]
pub struct Peer {
    pub(super) settings: Settings,
    /// Time of the last step.
    now: Time,
    pub(super) role: Role,
    pub(super) promised: Option<Term>,
    pub(super) synced: Option<Term>,
    /// What `synced` needs the log to reach; [`NEEDS_ALL`] while it may lack what this peer acknowledged in an earlier life.
    pub(super) needs: Sequence,
    /// The highest term counter seen.
    pub(super) counter: u64,
    pub(super) log: Log,
    pub(super) pending: Pending,
    /// What of the log is to be compared with readings on disk.
    pub(super) contested: Contested,
    pub(super) contacts: Contacts,
    pub(super) visitors: Visitors,
    pub(super) calls: Calls,
    pub(super) doubts: Doubts,
    /// Who is heard of and in no view here.
    pub(super) outsiders: Outsiders,
    /// It was a member, or led, in this life.
    pub(super) served: bool,
    /// The operator knows of an election won of which no view came yet.
    pub(super) won: bool,
    /// How often a leader lifts its term for joiners.
    pub(super) raises: Budget,
    /// How often a member tells its leader of another group.
    pub(super) passes: Budget,
    /// When a promise last went far above the one before.
    pub(super) stepped: Option<Time>,
    /// When it was made.
    pub(super) born: Time,
    /// Members of the last view installed, whatever became of it.
    pub(super) last_view: Members,
    /// Peers that fell out of a view of this leader's and may still live.
    pub(super) lost: BTreeSet<PeerId>,
    /// Who asked to join while this peer proposes.
    pub(super) asking: BTreeSet<PeerId>,
    /// `STALE` was said to this peer, of this promise, on the present link.
    pub(super) stale_said: BTreeSet<(PeerId, Option<Term>)>,
    /// This process was stopped: until then, deadlines found far too late are not over.
    patience: Time,
    /// This peer leaves an own view for the group of another leader.
    pub(super) merging: bool,
    /// The operator knows that there are too few peers for the quorum.
    pub(super) suspended: bool,
    /// A promise of its own was not stored in time, and is not yet: others are to lead.
    pub(super) stuck: bool,
    /// The leader's timing that the operator was warned of.
    pub(super) warned_of: Option<Timing>,
    /// The refusal by a misconfigured peer that the operator was warned of.
    pub(super) warned_of_refusal: Option<String>,
    /// The operator knows that the clock went back.
    pub(super) warned_of_clock: bool,
    /// Stopping: until then, what is pending may yet be committed.
    pub(super) leaving: Option<Time>,
    /// It said its last word.
    pub(super) ended: bool,
    /// CSV rows are written up to here.
    pub(super) delivered: Sequence,
    /// Sources that ended: the last number taken in then -> how many readings the source gave.
    pub(super) ended_sources: BTreeMap<u64, u64>,
    pub(super) rng: SmallRng,
}

impl Peer {
    /// A peer that seeks. Its discovery deadline is due at once.
    #[must_use]
    pub fn new(settings: Settings, found: &Found, now: Time) -> Self {
        let own = Origin { peer: settings.id.clone(), incarnation: settings.incarnation };
        // A log shorter than what `synced` needs was damaged: only its last entry's term can be vouched for.
        let damaged = found.needs > found.last;
        let log = Log::new(found);
        // A promise beyond all elections was won by a lie.
        let believed = |term: &&Term| term.counter <= COUNTER_JOINED_MAX;
        let promised = found.promised.as_ref().filter(believed).or(log.last_term().filter(believed)).cloned();
        Self {
            now,
            role: Role::Seeking(Seeking::new(now, settings.timing.election_timeout / 5)),
            counter: promised.as_ref().map_or(0, |term| term.counter),
            promised,
            synced: if damaged { log.last_term().cloned() } else { found.synced.clone() },
            needs: if damaged { NEEDS_ALL } else { found.needs },
            pending: Pending::new(own, found),
            contested: Contested::new(),
            delivered: log.committed(),
            log,
            contacts: Contacts::default(),
            visitors: Visitors::default(),
            calls: Calls::default(),
            doubts: Doubts::default(),
            outsiders: Outsiders::default(),
            served: false,
            won: false,
            raises: Budget::new(RAISES_MAX),
            passes: Budget::new(PASSES_MAX),
            stepped: None,
            born: now,
            last_view: Members::new(),
            lost: BTreeSet::new(),
            asking: BTreeSet::new(),
            stale_said: BTreeSet::new(),
            patience: Time::ZERO,
            merging: false,
            suspended: false,
            stuck: false,
            warned_of: None,
            warned_of_refusal: None,
            warned_of_clock: false,
            leaving: None,
            ended: false,
            ended_sources: BTreeMap::new(),
            rng: SmallRng::seed_from_u64(settings.seed),
            settings,
        }
    }

    /// Takes in what happened at `now` and appends what is to be done, in the order in which it must happen.
    pub fn step(&mut self, now: Time, input: Input, out: &mut Effects) {
        if self.ended {
            return;
        }
        self.now = now;
        self.notice_a_stop();
        let turn = &mut Turn { now, out };
        match input {
            Input::Alarm(alarm) => self.on_alarm(alarm, turn),
            Input::Datagram { from, message } => self.on_hearsay(from, message, turn),
            Input::Hello { connection, from, at, hello } => self.on_hello(connection, from, at, hello, turn),
            Input::Asked { connection, from, hello, question } => {
                self.on_asked(connection, from, &hello, question, turn);
            }
            Input::Answered { nonce, from, answer } => self.on_answered(nonce, from, answer, turn),
            Input::Received { connection, message } => self.on_received(connection, message, turn),
            Input::Requests(requests) => self.on_requests(requests, turn),
            Input::Ended { connection } => self.on_ended(connection, turn),
            Input::LinkUp { peer } => self.on_link_up(&peer, turn),
            Input::Refused { peer } => self.on_refused(&peer, turn),
            Input::Rejected { peer, why } => self.on_rejected(&peer, &why, turn),
            Input::OtherQuorum { why } => self.warn_of_refusal(&why, turn),
            Input::Readings(lines) => self.on_readings(lines, turn),
            Input::EndOfInput { readings } => self.on_end_of_input(readings, turn),
            Input::Stored(done) => done.into_iter().for_each(|done| self.on_done(done, turn)),
            Input::Stop => self.on_stop(turn),
            Input::DiskFailed => self.on_disk_failed(turn),
        }
        self.leave_when_drained(turn);
        self.drop_unheard(turn);
    }

    fn on_alarm(&mut self, alarm: Alarm, turn: &mut Turn) {
        match alarm {
            Alarm::Discovery => self.on_discovery_alarm(turn),
            Alarm::Heartbeat => self.on_heartbeat_alarm(turn),
            Alarm::LeaderCheck => self.on_leader_check_alarm(turn),
            Alarm::Election => self.on_election_alarm(turn),
        }
    }

    fn on_done(&mut self, done: Done, turn: &mut Turn) {
        match done {
            Done::Appended { last } => {
                self.log.appended(last);
                self.advance(turn);
            }
            Done::Cut { to, returned } => self.on_cut(to, &returned, turn),
            Done::Said { term, stored } => {
                if let Some(following) = self.following_mut().filter(|following| following.term == term) {
                    following.told = stored;
                }
            }
            Done::Proposed { term } => self.on_proposed(&term),
            Done::Recalled(request) => {
                self.compare_recalled(&request, turn);
                self.pending.on_recalled(request);
                self.pump(turn);
            }
            Done::Delivered { up_to } => {
                // It may tell of what was cut since.
                self.delivered = up_to.min(self.log.committed());
                self.tell_of_ended_sources(turn);
            }
        }
    }

    /// When the loop of this alarm must next call `step` with it; `None`: not before something else happens.
    #[must_use]
    pub fn deadline(&self, alarm: Alarm) -> Option<Time> {
        if self.ended {
            return None;
        }
        let due = self.due(alarm)?;
        // One found far too late waits for the patience that `notice_a_stop` granted.
        let put_off = self.now > due + self.settings.timing.heartbeat_interval;
        let due = if put_off { due.max(self.patience) } else { due };
        // Who stops has no patience.
        Some(match (alarm, self.leaving) {
            (Alarm::Heartbeat, Some(leaving)) => due.min(leaving),
            _ => due,
        })
    }

    fn due(&self, alarm: Alarm) -> Option<Time> {
        let Timing { heartbeat_timeout, election_timeout, .. } = self.settings.timing;
        match (alarm, &self.role) {
            (Alarm::Discovery, Role::Seeking(seeking)) => {
                let since = seeking.asked.as_ref().map_or(seeking.since, |(_, asked)| *asked);
                let own = seeking.request_at.min(since + election_timeout);
                Some(self.questions_due().map_or(own, |due| due.min(own)))
            }
            (Alarm::Discovery, _) => self.questions_due(),
            (Alarm::LeaderCheck, Role::Learner(following) | Role::Member(following)) => {
                Some(following.heard + heartbeat_timeout)
            }
            (Alarm::Election, Role::Electing(electing)) => Some(electing.deadline),
            (Alarm::Election, Role::Promised(promised)) => Some(promised.deadline),
            (Alarm::Election, Role::Proposing(proposing)) => Some(proposing.deadline),
            (Alarm::Heartbeat, Role::Leader(leading)) => {
                let due = leading.due(heartbeat_timeout);
                Some(self.leaving.map_or(due, |leaving| leaving.min(due)))
            }
            (Alarm::Heartbeat, Role::Proposing(proposing)) => {
                Some(self.leaving.map_or(proposing.beat_at, |leaving| leaving.min(proposing.beat_at)))
            }
            (Alarm::Heartbeat, _) => self.leaving,
            _ => None,
        }
    }

    /// When somebody is to be asked again.
    fn questions_due(&self) -> Option<Time> {
        self.visitors.due().into_iter().chain(self.doubts.due()).chain(self.look_due()).min()
    }

    /// A deadline found more than a heartbeat interval late means that this process did not run. What waits is read
    /// first: such deadlines are put off once, by an interval.
    fn notice_a_stop(&mut self) {
        let grace = self.settings.timing.heartbeat_interval;
        let stopped = |due: Time| self.now > due + grace && self.patience <= due + grace;
        if Alarm::ALL.iter().filter_map(|alarm| self.due(*alarm)).any(stopped) {
            self.patience = self.now + grace;
        }
    }

    /// Is this deadline over?
    pub(super) fn late(&self, due: Time) -> bool {
        self.now >= due
            && (self.now.checked_sub(due).unwrap() <= self.settings.timing.heartbeat_interval
                || self.now >= self.patience)
    }

    // What mechanisms share.

    /// The time of this step.
    pub(super) fn now(&self) -> Time {
        self.now
    }

    pub(super) fn me(&self) -> Contact {
        let Settings { id, priority, incarnation, endpoint, .. } = &self.settings;
        Contact { id: id.clone(), priority: *priority, incarnation: *incarnation, endpoint: *endpoint }
    }

    /// The contact of a peer, or of oneself.
    pub(super) fn contact(&self, id: &PeerId) -> Option<Contact> {
        if *id == self.settings.id {
            return Some(self.me());
        }
        let known = self.contacts.get(id)?;
        let (priority, incarnation, endpoint) = (known.priority, known.incarnation, known.endpoint);
        Some(Contact { id: id.clone(), priority, incarnation, endpoint })
    }

    pub(super) fn seat(&self, id: &PeerId) -> Option<Seat> {
        let Contact { priority, incarnation, endpoint, .. } = self.contact(id)?;
        Some(Seat { priority, incarnation, endpoint })
    }

    /// The quorum, 1 where there is none.
    pub(super) fn quorum(&self) -> usize {
        self.settings.quorum.map_or(1, |quorum| usize::try_from(quorum).unwrap_or(usize::MAX))
    }

    /// Does its log hold all that this peer ever acknowledged? Where it was damaged, nobody knows before a leader's log is here.
    pub(super) fn is_whole(&self) -> bool {
        self.needs != NEEDS_ALL
    }

    /// Does this peer's log count where a quorum of logs is looked for? What is committed is in some log of every quorum, and
    /// has to be found there.
    pub(super) fn has_a_vote(&self) -> bool {
        self.settings.quorum.is_none() || self.is_whole()
    }

    pub(super) fn state(&self) -> State {
        State { promised: self.promised.clone(), synced: self.synced.clone(), needs: self.needs }
    }

    pub(super) fn promise(&mut self, term: &Term, turn: &mut Turn) {
        if self.promised.as_ref() != Some(term) {
            self.note_step(term);
            self.promised = Some(term.clone());
            // Who comes back below a promise that was won by lies forgets that counter, too.
            self.counter = if self.counter > term.counter.saturating_add(self.far()) {
                term.counter
            } else {
                self.counter.max(term.counter)
            };
            self.stale_said.retain(|(_, said)| said.as_ref() == Some(term));
            turn.store(Store::State(self.state()));
        }
    }

    pub(super) fn following(&self) -> Option<&Following> {
        match &self.role {
            Role::Learner(following) | Role::Member(following) => Some(following),
            Role::Electing(electing) => electing.following.as_ref(),
            _ => None,
        }
    }

    pub(super) fn following_mut(&mut self) -> Option<&mut Following> {
        match &mut self.role {
            Role::Learner(following) | Role::Member(following) => Some(following),
            Role::Electing(electing) => electing.following.as_mut(),
            _ => None,
        }
    }

    pub(super) fn leading(&self) -> Option<&Leading> {
        match &self.role {
            Role::Leader(leading) => Some(leading),
            _ => None,
        }
    }
}
