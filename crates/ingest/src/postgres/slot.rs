//! The slot and the publication of a source: made where they may be, and checked to have every change since the
//! streams' places.

use std::time::{Duration, Instant};

use connectors::postgres::{
    ChangeStream, Client, Lsn, Relation, Slot, SlotState, alter_slot_for_failover,
    check_publication, create_publication, create_slot, drop_slot, release_slot, slot,
};
use diagnostic::{Error, Result, codes};

use super::follower::Follower;
use super::lane::gap;

/// How long a slot may be held by a process that has just died.
const RELEASE: Duration = Duration::from_secs(10);

impl Follower<'_> {
    /// The log must hold enough for logical decoding.
    pub(super) fn check_level(&mut self) -> Result<()> {
        let level = self.client.value("show wal_level")?.unwrap_or_default();
        match level == "logical" {
            true => Ok(()),
            false => Err(Error::new(
                codes::P3001,
                format!(
                    "The server's `wal_level` is `{level}`, so its log does not tell changes of rows"
                ),
            )
            .help("`alter system set wal_level = logical`, then restart the server")),
        }
    }

    /// Makes sure that the publication tells all changes of the streams.
    pub(super) fn prepare_publication(&mut self) -> Result<()> {
        let replication = &self.request.replication;
        let relations: Vec<(Relation, Vec<String>)> = self
            .lanes
            .iter()
            .filter_map(|lane| {
                let relation = lane.shape.table.as_ref()?.relation.clone();
                let columns = lane.shape.columns.iter();
                Some((
                    relation,
                    columns.map(|column| column.name.clone()).collect(),
                ))
            })
            .collect();
        let mut tables: Vec<Relation> = Vec::new();
        for (table, _) in &relations {
            // Two streams may read one table.
            if !tables.contains(table) {
                tables.push(table.clone());
            }
        }
        let name = &replication.publication;
        create_publication(&mut self.client, name, &tables, replication.create)?;
        check_publication(&mut self.client, name, &relations)
    }

    /// Makes the slot where it may, and makes sure that it has every change since the streams' places.
    pub(super) fn prepare_slot(&mut self) -> Result<()> {
        let replication = &self.request.replication;
        let name = &replication.slot;
        let earliest = self.lanes.iter().filter_map(|lane| lane.position).min();
        let found = slot(&mut self.client, name)?;
        if let Some(there) = &found {
            self.check_slot(there)?;
        }
        let lost = self.lanes.iter().find_map(|lane| lane.lost);
        let why = match (&found, earliest) {
            (_, None) => None,
            (_, Some(_)) if lost.is_some() => lost.map(str::to_owned),
            (None, Some(_)) => Some(format!("the slot `{name}` is gone")),
            (Some(there), Some(_)) if there.state == SlotState::Lost => {
                Some(format!("the slot `{name}` was invalidated"))
            }
            (Some(there), Some(earliest)) if there.confirmed > Some(earliest) => Some(format!(
                "somebody else has moved the slot `{name}` past {earliest}"
            )),
            (Some(_), Some(_)) => None,
        };
        if let Some(why) = why {
            if !replication.copy_when_lost {
                return Err(gap(&self.request.source, &why));
            }
            for lane in &mut self.lanes {
                if lane.position.take().is_some() {
                    lane.outcome.notices.push(format!(
                        "`{}` is copied anew: changes are missing, {why}",
                        lane.stream.name.value
                    ));
                }
            }
        }
        let usable = match found {
            Some(there) if there.state == SlotState::Lost => {
                drop_slot(&mut self.client, name)?;
                None
            }
            found => found,
        };
        match usable {
            Some(there) if replication.failover && !there.failover => {
                let mut client = Client::connect_for_replication(&self.request.connection)?;
                alter_slot_for_failover(&mut client, name)
            }
            Some(_) => Ok(()),
            None if !replication.create => Err(Error::new(
                codes::P3001,
                format!("The replication slot `{name}` does not exist"),
            )
            .help("create it with the plugin pgoutput, or set `replication: {create: true}`")),
            None => {
                let mut client = Client::connect_for_replication(&self.request.connection)?;
                create_slot(&mut client, name, replication.failover).map(drop)
            }
        }
    }

    fn check_slot(&self, slot: &Slot) -> Result<()> {
        let name = &self.request.replication.slot;
        if slot.plugin == "pgoutput" && slot.database == self.request.connection.database {
            return Ok(());
        }
        Err(Error::new(
            codes::P3001,
            format!(
                "The replication slot `{name}` is for the plugin `{}` and the database `{}`",
                slot.plugin, slot.database
            ),
        )
        .help("give this source a slot of its own in `replication: {slot: …}`"))
    }

    /// Opens the stream of changes. A run that was killed may hold the slot for another moment.
    pub(super) fn open(&mut self, from: Lsn) -> Result<ChangeStream> {
        let replication = &self.request.replication;
        // A connection of ours that was cut holds the slot until the server notices.
        if let Some(process) = self.request.former {
            release_slot(&mut self.client, &replication.slot, process)?;
        }
        let began = Instant::now();
        loop {
            let opened = ChangeStream::start(
                &self.request.connection,
                &replication.slot,
                &replication.publication,
                from,
            );
            match opened {
                Err(error) if error.code() == codes::P3002 && began.elapsed() < RELEASE => {
                    std::thread::sleep(Duration::from_millis(200));
                }
                opened => return opened,
            }
        }
    }
}
