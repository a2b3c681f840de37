//! What endpoints do with an attempt.

use super::Run;
use crate::agenda::Event;
use crate::balancer::Ending;
use crate::dice::part;
use crate::world::jobs::{Job, Place};
use crate::world::station::Entered;
use plimsoll_snapshot::FailureKind;

impl Run<'_> {
    /// The attempt that has just begun comes to its endpoint.
    pub(super) fn launch(&mut self, slot: u32) {
        let state = *self.requests.get(slot);
        let station = &mut self.stations[state.endpoint as usize];
        let mut luck = part(state.luck, u64::from(state.attempts));
        let mut job = Job {
            request: Some(slot),
            endpoint: state.endpoint,
            place: Place::Aside,
            fails: false,
            measured: self.recorder.counts(state.number),
            units: station.units.draw(&mut luck) * station.coldness(state.key),
            until: 0,
        };
        if station.condition.refuses || !station.present {
            return self.answer_aside(slot, job, 0);
        }
        if station.condition.hangs {
            job.place = Place::Limbo;
            self.requests.get_mut(slot).job = self.jobs.add(job);
            return;
        }
        for (number, errors) in station.condition.errors.iter().enumerate() {
            // Errors of requests are drawn from what all attempts have in common.
            let of_request = part(state.luck, 0).next_u64().wrapping_add(number as u64);
            let drawn = if errors.of_requests { part(of_request, 0).unit() } else { luck.unit() };
            if drawn < errors.share {
                job.fails = true;
                if let Some(after) = errors.after_ns {
                    return self.answer_aside(slot, job, after);
                }
                break;
            }
        }
        self.enter(slot, job);
    }

    fn enter(&mut self, slot: u32, job: Job) {
        let number = self.jobs.add(job);
        self.requests.get_mut(slot).job = number;
        let station = &mut self.stations[job.endpoint as usize];
        match station.enter(number) {
            Entered::Served => self.serve(number),
            Entered::Waits => self.jobs.get_mut(number).place = Place::Waiting,
            Entered::Overflows => {
                self.recorder.overflow(&job);
                self.jobs.get_mut(number).fails = true;
                self.agenda.schedule(self.now, Event::Done(number));
            }
        }
    }

    /// It is answered without a slot: an error, or a refused connection.
    fn answer_aside(&mut self, slot: u32, job: Job, after: u64) {
        let number = self.jobs.add(job);
        self.requests.get_mut(slot).job = number;
        self.agenda.schedule(self.now + after, Event::Done(number));
    }

    /// Its service begins.
    fn serve(&mut self, number: u32) {
        let job = self.jobs.get_mut(number);
        job.place = Place::InService;
        let takes = self.stations[job.endpoint as usize].service_ns(self.now, job.units);
        job.until = self.now + takes;
        self.recorder.busy(job, takes);
        self.agenda.schedule(self.now + takes, Event::Done(number));
    }

    pub(super) fn done(&mut self, number: u32) {
        let job = *self.jobs.get(number);
        self.jobs.remove(number);
        if job.place == Place::InService {
            self.next_in(job.endpoint);
        }
        let Some(slot) = job.request else { return };
        let ending = match job.place {
            _ if job.fails => Ending::Failure(FailureKind::Status),
            Place::InService => Ending::Success,
            _ => Ending::Failure(FailureKind::Connect),
        };
        self.deliver(slot, ending);
    }

    fn next_in(&mut self, endpoint: u32) {
        if let Some(next) = self.stations[endpoint as usize].leave(&mut self.jobs) {
            self.serve(next);
        }
    }

    /// The client of this job has given up.
    pub(super) fn give_up(&mut self, number: u32) {
        let job = self.jobs.get_mut(number);
        job.request = None;
        let (place, endpoint) = (job.place, job.endpoint);
        match place {
            Place::Limbo => self.jobs.remove(number),
            Place::Waiting if self.stations[endpoint as usize].notices => {
                self.jobs.get_mut(number).place = Place::Gone;
                self.stations[endpoint as usize].cancel_waiting();
            }
            Place::InService if self.stations[endpoint as usize].notices => {
                self.jobs.get_mut(number).place = Place::Gone;
                self.recorder.spared(self.jobs.get(number), self.now);
                self.next_in(endpoint);
            }
            _ => {}
        }
    }
}
