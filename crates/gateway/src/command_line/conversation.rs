//! What terminal and pipe share: a line goes into the session, what it asks for is done, output and
//! debug lines come back as they arise.

use std::io;

use cli::pager::{ERASE_MORE, MORE, Page, Pager};
use cli::{Output, Session, Step};
use tokio::sync::{mpsc, watch};

use super::executor::{Executor, Ran};
use super::input::{Client, Input, Line, Reader, Source};
use super::interrupt::{Ends, Interrupt};
use super::sessions::LoggedIn;
use super::terminal::Size;
use crate::clock;
use crate::debug_log::Watch;

/// Chunks of output that wait for the client: a slow one slows the command, not the memory.
const CHUNKS_WAITING: usize = 16;

/// Whether the conversation goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    GoOn,
    Close,
    /// Nothing more is read: what it was meant for cannot be told.
    Abandon,
}

/// What a conversation waits for between commands.
pub(super) enum Came<T> {
    Input(T),
    Debug(String),
}

/// One administrator's conversation.
pub(super) struct Conversation<'a> {
    pub(super) session: Session,
    pub(super) executor: &'a Executor,
    pub(super) client: Client,
    pub(super) input: Input,
    /// Whether anything was refused: a script wants to know at the end.
    pub(super) refused: bool,
    /// Holds the output of a command back while a page of it is read.
    pub(super) pager: Option<Paging>,
    who: &'a LoggedIn,
    debug: Watch,
}

/// Pages as long as the terminal is at the moment.
pub(super) struct Paging {
    pager: Pager,
    size: watch::Receiver<Size>,
}

impl Paging {
    pub(super) fn new(size: watch::Receiver<Size>) -> Self {
        let Size { columns, rows } = *size.borrow();
        Self {
            pager: Pager::new(rows, columns),
            size,
        }
    }

    fn push(&mut self, text: &str) -> Page {
        self.fit();
        self.pager.push(text)
    }

    fn press(&mut self, key: u8) -> Page {
        self.fit();
        self.pager.press(key)
    }

    fn fit(&mut self) {
        let Size { columns, rows } = *self.size.borrow();
        self.pager.resize(rows, columns);
    }
}

/// Whether the person wants to see more of a command's output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Printed {
    GoOn,
    Enough,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(
        reader: Reader,
        client: Client,
        executor: &'a Executor,
        who: &'a LoggedIn,
    ) -> Self {
        Self {
            session: Session::new(clock::zone()),
            executor,
            input: Input::new(reader, client.source()),
            client,
            refused: false,
            pager: None,
            who,
            debug: executor.debug_lines(),
        }
    }

    /// Runs a line to its end.
    pub(super) async fn line(&mut self, line: &str) -> io::Result<Next> {
        self.situate();
        let step = self.session.feed(line);
        self.debug.follow(&self.session);
        let released = self.debug.released(&self.session);
        if !released.is_empty() && self.still_debugs() {
            self.client.print(&released).await?;
        }
        self.step(step).await
    }

    /// Refuses a line of which not all was kept.
    pub(super) async fn too_long(&mut self) -> io::Result<Next> {
        let step = self.session.too_long();
        self.step(step).await
    }

    async fn step(&mut self, mut step: Step) -> io::Result<Next> {
        loop {
            step = match step {
                Step::Ask(notice) => {
                    self.client.print(&notice).await?;
                    self.question().await?;
                    return Ok(Next::GoOn);
                }
                Step::Nothing => return Ok(Next::GoOn),
                Step::Close => return Ok(Next::Close),
                Step::Print(text) => {
                    print(
                        &text,
                        &mut self.pager,
                        &mut self.client,
                        &mut self.input,
                        self.who,
                    )
                    .await?;
                    return Ok(Next::GoOn);
                }
                Step::Remark(text) => {
                    if self.client.source() == Source::Terminal {
                        self.client.print(&text).await?;
                    }
                    return Ok(Next::GoOn);
                }
                Step::Abandon(text) => {
                    self.refused = true;
                    self.client.print(&text).await?;
                    return Ok(Next::Abandon);
                }
                Step::Refuse(text) => {
                    self.refused = true;
                    self.client.print(&text).await?;
                    return Ok(Next::GoOn);
                }
                Step::Run { command, output } => match self.run(command, output).await? {
                    Some(ran) => self.after(ran).await?,
                    None => {
                        self.interrupted().await?;
                        self.session.interrupted()
                    }
                },
            };
        }
    }

    /// The next keys, or a debug line that comes before them.
    pub(super) async fn keys(&mut self) -> io::Result<Came<Vec<u8>>> {
        loop {
            tokio::select! {
                keys = self.input.keys() => {
                    self.who.touch();
                    return Ok(Came::Input(keys?));
                }
                text = self.debug.next(&self.session) => {
                    if self.still_debugs() {
                        return Ok(Came::Debug(text));
                    }
                }
            }
        }
    }

    /// The next line of a pipe, or a debug line that comes before it.
    pub(super) async fn next_line(&mut self) -> io::Result<Came<Line>> {
        loop {
            tokio::select! {
                line = self.input.line() => {
                    self.who.touch();
                    return Ok(Came::Input(line?));
                }
                text = self.debug.next(&self.session) => {
                    if self.still_debugs() {
                        return Ok(Came::Debug(text));
                    }
                }
            }
        }
    }

    /// The next answer to a question, or a debug line that comes before it.
    pub(super) async fn next_answer(&mut self) -> io::Result<Came<Option<String>>> {
        loop {
            tokio::select! {
                answer = self.input.answer() => {
                    self.who.touch();
                    return Ok(Came::Input(answer?));
                }
                text = self.debug.next(&self.session) => {
                    if self.still_debugs() {
                        return Ok(Came::Debug(text));
                    }
                }
            }
        }
    }

    /// Tells a script what of it was not carried out when its input ends.
    pub(super) async fn end_of_input(&mut self) -> io::Result<()> {
        let Some(undone) = self.session.left_undone() else {
            return Ok(());
        };
        self.refused = true;
        self.client.print(&undone).await
    }

    /// Whether debug lines may still be shown: the right may be withdrawn between two lines.
    fn still_debugs(&mut self) -> bool {
        self.situate();
        self.session.debugs()
    }

    /// Tells the session what may have changed since the line before.
    fn situate(&mut self) {
        self.session.set_vdom_mode(self.executor.vdom_mode());
        self.session.set_authority(&self.who.authority());
    }

    pub(super) fn prompt(&mut self) -> String {
        self.situate();
        self.session.prompt(&self.executor.hostname())
    }

    /// Runs a command; its output and debug lines are printed as they come. `None` if it was
    /// interrupted.
    async fn run(&mut self, command: cli::Command, mut output: Output) -> io::Result<Option<Ran>> {
        let (chunks, mut waiting) = mpsc::channel(CHUNKS_WAITING);
        let (interrupt, interrupted) = Interrupt::new();
        let running = self.executor.run(command, self.who, chunks, interrupted);
        tokio::pin!(running);
        let mut ran = None;
        loop {
            tokio::select! {
                biased;
                () = self.input.interrupted() => match interrupt.tell() {
                    Ends::ByItself => self.client.print("^C\n").await?,
                    Ends::InAnyCase => {
                        let notice = "^C\nit is being applied and cannot be interrupted any more\n";
                        self.client.print(notice).await?;
                    }
                    Ends::WhenDropped => return Ok(None),
                },
                text = self.debug.next(&self.session) => {
                    if self.still_debugs() {
                        self.client.print(&text).await?;
                    }
                }
                chunk = waiting.recv() => match chunk {
                    Some(text) => {
                        self.who.touch();
                        let text = output.push(&text);
                        let printed = print(&text, &mut self.pager, &mut self.client, &mut self.input, self.who);
                        if printed.await? == Printed::Enough {
                            return Ok(Some(Ran::Printed));
                        }
                    }
                    None => {
                        if let Some(ran) = ran.take() {
                            self.who.touch();
                            let text = output.finish();
                            print(&text, &mut self.pager, &mut self.client, &mut self.input, self.who).await?;
                            return Ok(Some(ran));
                        }
                    }
                },
                done = &mut running, if ran.is_none() => ran = Some(done),
            }
        }
    }

    /// Tells the session what came of it; what it wants next.
    async fn after(&mut self, ran: Ran) -> io::Result<Step> {
        match ran {
            Ran::Printed => Ok(Step::Nothing),
            Ran::Failed => {
                self.refused = true;
                Ok(Step::Nothing)
            }
            Ran::Fetched(entry) => Ok(self.session.fetched(entry)),
            Ran::Undecided(why) => Ok(self.session.failed(&why)),
            Ran::Applied(result) => {
                let (result, messages) = match result {
                    Ok(messages) => (Ok(()), messages),
                    Err(error) => (Err(error), Vec::new()),
                };
                let step = self.session.applied(result);
                for message in messages {
                    self.follow(message).await?;
                }
                Ok(step)
            }
        }
    }

    /// What becomes of a message that a change put into the outbox.
    async fn follow(&mut self, message: i64) -> io::Result<()> {
        let followed = self.executor.follow(message);
        tokio::pin!(followed);
        loop {
            tokio::select! {
                biased;
                () = self.input.interrupted() => return self.interrupted().await,
                text = self.debug.next(&self.session) => {
                    if self.still_debugs() {
                        self.client.print(&text).await?;
                    }
                }
                (text, failed) = &mut followed => {
                    self.refused |= failed;
                    return self.client.print(&text).await;
                }
            }
        }
    }

    /// In a pipe no prompt shows the question.
    async fn question(&mut self) -> io::Result<()> {
        if self.client.source() == Source::Terminal {
            return Ok(());
        }
        let question = self.prompt() + "\n";
        self.client.print(&question).await
    }

    async fn interrupted(&mut self) -> io::Result<()> {
        self.client.print("^C\n").await
    }
}

/// Prints output of a command, a page at a time where pages are wanted. While a page is read the
/// command waits.
async fn print(
    text: &str,
    pager: &mut Option<Paging>,
    client: &mut Client,
    input: &mut Input,
    who: &LoggedIn,
) -> io::Result<Printed> {
    let Some(pager) = pager else {
        client.print(text).await?;
        return Ok(Printed::GoOn);
    };
    let mut page = pager.push(text);
    loop {
        match page {
            Page::Open(text) => {
                client.print(&text).await?;
                return Ok(Printed::GoOn);
            }
            Page::Stopped => return Ok(Printed::Enough),
            Page::Full(text) => {
                client.print(&text).await?;
                client.send(MORE.as_bytes()).await?;
                let key = input.key().await?;
                who.touch();
                client.send(ERASE_MORE.as_bytes()).await?;
                page = pager.press(key.unwrap_or(b'q'));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use domain::access::Authority;
    use tokio::io::{AsyncWriteExt, BufReader, duplex, sink};
    use tokio::time::sleep;

    use super::super::input::LineEnd;
    use super::super::sessions::{Sessions, Via};
    use super::*;

    #[tokio::test]
    async fn whoever_reads_page_by_page_is_not_idle() {
        const A_PAGE: Duration = Duration::from_millis(100);
        let authority = Authority::system("test");
        let sessions = Arc::new(Sessions::default());
        let who = sessions.open(authority, Via::Console, 0, clock::now());
        let who = who.unwrap();
        let (mut person, keys) = duplex(64);
        let mut input = Input::new(BufReader::new(Box::new(keys)), Source::Terminal);
        let mut client = Client::new(Box::new(sink()), Source::Terminal, LineEnd::CrLf);
        let (_terminal, size) = watch::channel(Size {
            columns: 80,
            rows: 3,
        });
        let mut pager = Some(Paging::new(size));
        let reading = async {
            for key in [b" ", b"?", b"q"] {
                sleep(A_PAGE).await;
                person.write_all(key).await.unwrap();
            }
        };
        let text = "line\n".repeat(10);
        let shown = print(&text, &mut pager, &mut client, &mut input, &who);
        let (printed, ()) = tokio::join!(shown, reading);
        assert_eq!(printed.unwrap(), Printed::Enough);
        assert!(who.idle() < A_PAGE, "{:?}", who.idle());
    }
}
