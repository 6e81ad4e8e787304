//! One peer: `Peer::step` takes what happened and says what to do.
//!
//! This file has what a peer keeps, and the one `match` over all that can happen. What each input means is in the file
//! of its mechanism.

use std::net::SocketAddr;

use rand::rngs::SmallRng;
use rand::SeedableRng;

use super::admission::Visitors;
use super::calls::Calls;
use super::credibility::found_max;
use super::data::clock::Clock;
use super::data::contacts::Contacts;
use super::data::delivery::Delivery;
use super::data::ending::Ending;
use super::data::following::Following;
use super::data::group::Group;
use super::data::leading::Leading;
use super::data::log::Log;
use super::data::notices::Notices;
use super::data::pending::Pending;
use super::data::promises::Promises;
use super::data::reach::Reach;
use super::data::role::{Role, Seeking};
use super::data::token::Secret;
use super::doubt::Doubts;
use super::effect::Effects;
use super::event::Event;
use super::input::{Alarm, Done, Found, Input, Time};
use super::turn::Turn;
use crate::ids::{Incarnation, Origin, PeerId, Rank};
use crate::wire::{Contact, Limits, Seat, Timing};

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
    /// How much of the log is kept, if anything limits it.
    pub limits: Option<Limits>,
    /// How often a leader looks for what the limits no longer keep.
    pub survey_every: Time,
    pub timing: Timing,
    /// Whether there are `--join` addresses to ask.
    pub joins: bool,
    /// Seed of the jitter in discovery.
    pub seed: u64,
    /// The source of its tokens, known to nobody else.
    pub secret: Secret,
}

impl Settings {
    /// How long a seeker waits after its first broadcast; after each one it waits twice as long. At least three go out
    /// before it founds a group, so that no single datagram matters.
    pub(super) fn first_gap(&self) -> Time {
        self.timing.election_timeout / 5
    }

    /// The time in which an address is asked for a group only once, however often it is named. It is shorter than the
    /// first gap, so that each broadcast of a seeker may bring it a question.
    pub(super) fn question_pause(&self) -> Time {
        self.timing.election_timeout / 10
    }

    /// Long enough for the words of one peer to reach all, and little against every timeout. What many peers would do in
    /// the same instant is spread over moments, or gathered in one.
    pub(super) fn moment(&self) -> Time {
        self.timing.election_timeout / 40
    }
}

/// All that a peer keeps. What several mechanisms need is in `data/`; what one alone needs is defined beside it.
#[derive(Debug, Clone)]
pub struct Peer {
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) role: Role,
    pub(super) promises: Promises,
    pub(super) log: Log,
    pub(super) pending: Pending,
    pub(super) delivery: Delivery,
    pub(super) group: Group,
    pub(super) contacts: Contacts,
    pub(super) visitors: Visitors,
    pub(super) calls: Calls,
    pub(super) doubts: Doubts,
    pub(super) reach: Reach,
    pub(super) notices: Notices,
    pub(super) ending: Ending,
    pub(super) rng: SmallRng,
}

impl Peer {
    /// A peer that seeks. Its discovery deadline is due now.
    #[must_use]
    pub fn new(settings: Settings, found: &Found, now: Time) -> Self {
        let own = Origin { peer: settings.id.clone(), incarnation: settings.incarnation };
        let log = Log::new(found);
        Self {
            clock: Clock::new(now),
            role: Role::Seeking(Seeking::new(now, settings.first_gap())),
            promises: Promises::new(found, &log, found_max(settings.quorum)),
            pending: Pending::new(own, found),
            delivery: Delivery::new(log.committed()),
            log,
            group: Group::default(),
            contacts: Contacts::default(),
            visitors: Visitors::default(),
            calls: Calls::default(),
            doubts: Doubts::default(),
            reach: Reach::default(),
            notices: Notices::default(),
            ending: Ending::default(),
            rng: SmallRng::seed_from_u64(settings.seed),
            settings,
        }
    }

    /// Takes in what happened at `now` and appends what is to be done, in the order in which it must happen.
    pub fn step(&mut self, now: Time, input: Input, out: &mut Effects) {
        if self.ending.over {
            return;
        }
        self.clock.now = now;
        self.notice_a_stop();
        let turn = &mut Turn { now, out };
        self.cut_what_lies_ordered(turn);
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
                    following.stored_said = stored;
                }
            }
            Done::Proposed { term } => self.on_proposed(&term),
            Done::Recalled(request) => {
                self.compare_recalled(&request, turn);
                self.pending.on_recalled(request);
                self.pump(turn);
            }
            Done::Surveyed { to } => self.on_surveyed(to),
            Done::Removed { asked, base, readings, bytes, newest, too_much } => {
                self.on_removed(asked, base, turn);
                if too_much {
                    self.tell_too_much(turn);
                }
                if readings > 0 {
                    self.notices.too_much = false;
                    turn.tell(Event::Removed { first: base + 1, readings, bytes, newest });
                }
            }
            Done::Delivered { up_to } => {
                // It may have been written before a cut.
                self.delivery.up_to = up_to.min(self.log.committed());
                self.tell_of_ended_sources(turn);
            }
        }
    }

    // What mechanisms share.

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

    pub(super) fn priority_of(&self, id: &PeerId) -> i64 {
        self.contacts.get(id).map_or(0, |known| known.priority)
    }

    pub(super) fn rank(&self) -> Rank<'_> {
        Rank { priority: self.settings.priority, id: &self.settings.id }
    }

    /// The rank of another peer, by the priority that it gave.
    pub(super) fn rank_of<'a>(&self, id: &'a PeerId) -> Rank<'a> {
        Rank { priority: self.priority_of(id), id }
    }

    pub(super) fn seat(&self, id: &PeerId) -> Option<Seat> {
        let Contact { priority, incarnation, endpoint, .. } = self.contact(id)?;
        Some(Seat { priority, incarnation, endpoint })
    }

    /// The quorum, 1 where there is none.
    pub(super) fn quorum(&self) -> usize {
        self.settings.quorum.map_or(1, |quorum| usize::try_from(quorum).unwrap_or(usize::MAX))
    }

    /// docs/protocol.md, 5.4, 8: whether this peer's log counts towards a quorum of logs. What is committed is in some
    /// log of every quorum, and has to be found there: a log that was damaged may lack it.
    pub(super) fn has_a_vote(&self) -> bool {
        self.settings.quorum.is_none() || self.promises.is_whole()
    }

    pub(super) fn following(&self) -> Option<&Following> {
        self.role.following()
    }

    pub(super) fn following_mut(&mut self) -> Option<&mut Following> {
        self.role.following_mut()
    }

    pub(super) fn leading(&self) -> Option<&Leading> {
        self.role.leading()
    }
}
