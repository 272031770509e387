//! [`preview_reload`]: which files a reload would read, before it is done.

use std::collections::BTreeSet;

use diagnostic::Result;

use crate::contract::Contract;
use crate::incoming::patterns;
use crate::live::live;
use crate::look::list;
use crate::reload::{PathFilter, ReloadFrom, refuse_overwritten};
use crate::run::{IngestRequest, blocking, choose, quarantined_paths};
use crate::tables::Tables;

/// What a reload would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReloadPreview {
    /// Files that would be loaded again, by name.
    pub loaded: Vec<String>,
    /// Files whose rows would leave, because the source does not have them any more.
    pub pruned: Vec<String>,
    /// What a person should know, in sentences.
    pub notices: Vec<String>,
}

/// What [`run`](crate::run) would do for a `request` that reloads. Nothing is written.
///
/// # Errors
/// As of `run`, as far as files can tell it by their names.
pub async fn preview_reload(request: IngestRequest, tables: &dyn Tables) -> Result<ReloadPreview> {
    let Some(reload) = request.reload.clone() else {
        return Ok(ReloadPreview::default());
    };
    let contract = Contract::compile(&request.dataset, &request.stream.format, request.clock)?;
    let quarantined = quarantined_paths(&request, tables).await?;
    blocking(move || {
        let ReloadFrom::Source { prune } = reload.from else {
            let (chosen, _) = choose(&request, &contract, quarantined)?;
            let loads = chosen.plan.to_load.iter();
            let files = loads.filter_map(|load| chosen.arrived.get(load.candidate));
            return Ok(ReloadPreview {
                loaded: files.map(|arrived| arrived.file.name.clone()).collect(),
                pruned: Vec::new(),
                notices: chosen.notices,
            });
        };
        refuse_overwritten(&contract)?;
        let filter = PathFilter::new(&reload.filter, &request.stream, quarantined)?;
        let listed = list(&request.origin, &patterns(&request.stream))?;
        let means = |name: &str| filter.means(name, None);
        let loaded: Vec<String> = listed
            .into_iter()
            .map(|file| file.name)
            .filter(|name| means(name))
            .collect();
        let gone: BTreeSet<&str> = live(&request.ledger)
            .iter()
            .map(|load| load.entry.path.as_str())
            .filter(|path| prune && means(path) && !loaded.iter().any(|name| name == path))
            .collect();
        Ok(ReloadPreview {
            pruned: gone.into_iter().map(str::to_owned).collect(),
            loaded,
            notices: Vec::new(),
        })
    })
    .await
}
