//! `execute log` and `diagnose log`.

use cli::render::{self, LogLines};
use domain::audit::Actor;
use domain::query::LogPage;
use store::Undecided;
use store::gateway::LogBounds;

use super::executor::{Executor, Gone, Printer, Ran};

/// Events that are searched at once: some milliseconds of a reader.
const PAGE: i64 = 500;

impl Executor {
    pub(super) async fn event_log(&self, page: LogPage, printer: &Printer) -> Result<Ran, Gone> {
        tokio::select! {
            found = self.found(page) => match found {
                Ok(text) => printer.print(text).await.map(|()| Ran::Printed),
                Err(why) => Ok(why.into()),
            },
            () = printer.interrupted() => Ok(Ran::Failed),
        }
    }

    async fn found(&self, page: LogPage) -> Result<String, Undecided> {
        let bounds = self.store.log_bounds().await?;
        let (start, count) = (i64::from(page.start_line), i64::from(page.view_lines));
        let mut lines = LogLines::new(page, self.zone);
        if lines.is_everything() {
            self.numbered(&mut lines, bounds, start, count).await?;
        } else {
            self.search(&mut lines, bounds).await?;
        }
        Ok(lines.render(bounds.count()))
    }

    /// Numbers have no gaps: any line is found by its number.
    async fn numbered(
        &self,
        lines: &mut LogLines,
        bounds: LogBounds,
        start: i64,
        count: i64,
    ) -> Result<(), Undecided> {
        let before = bounds.newest.saturating_sub(start).saturating_add(2);
        let events = self.store.events_before(before, count).await?;
        let shown = events.iter().filter(|event| event.id >= bounds.oldest);
        lines.show_unsearched(
            bounds.count(),
            shown.map(|recorded| (recorded.id, &recorded.event)),
        );
        Ok(())
    }

    async fn search(&self, lines: &mut LogLines, bounds: LogBounds) -> Result<(), Undecided> {
        let mut before = bounds.newest + 1;
        while before > bounds.oldest {
            let events = self.store.events_before(before, PAGE).await?;
            let Some(last) = events.last() else { break };
            before = last.id;
            for recorded in events.iter().filter(|event| event.id >= bounds.oldest) {
                if lines.is_over() {
                    return Ok(());
                }
                lines.look_at(recorded.id, &recorded.event);
            }
        }
        Ok(())
    }

    pub(super) async fn delete_log(&self, actor: &Actor) -> Result<String, Undecided> {
        self.retention.delete_log(actor).await?;
        Ok(render::log_deleted().to_owned())
    }

    pub(super) async fn verify_log(&self, printer: &Printer) -> Result<Ran, Gone> {
        let verified = match self.store.verify_log().await {
            Ok(verified) => verified,
            Err(why) => return Ok(why.into()),
        };
        let text = render::log_verified(verified.events, verified.broken);
        printer.print(text).await?;
        Ok(match verified.broken {
            None => Ran::Printed,
            Some(_) => Ran::Failed,
        })
    }
}
