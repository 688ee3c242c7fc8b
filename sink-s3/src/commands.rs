//! The archive as a sink: its settings, and the commands that it has besides those of every sink.

use std::time::Duration;

use sink::{Check, FurtherCommands, Sink, SinkOptions};

use crate::archive::{Archive, IfExists};
use crate::bucket_args::BucketArgs;
use crate::check::check_bucket;
#[cfg(feature = "parquet")]
use crate::compact::{CompactArgs, compact};
#[cfg(feature = "parquet")]
use crate::ddl::{self, DdlArgs};
use crate::put::PUT_LIMIT;
use crate::verify::{VerifyArgs, verify};

/// The longest that a put may take, with the time to notice that it took too long.
const WRITE_TIMEOUT: Duration = PUT_LIMIT.saturating_add(Duration::from_secs(5));

/// How events become objects.
#[derive(Debug, Clone, clap::Args)]
pub struct ArchiveArgs {
    #[command(flatten)]
    bucket: BucketArgs,
    /// What is done where there is an object with the event's key already.
    #[arg(long, env = "S3_IF_EXISTS", default_value = "overwrite")]
    if_exists: IfExists,
    /// Objects that are put at a time.
    #[arg(long, env = "S3_MAX_CONCURRENT_WRITES", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    max_concurrent_writes: u16,
}

/// The bucket that `setup` checks.
#[derive(Debug, Clone, clap::Args)]
pub struct BucketSetupArgs {
    #[command(flatten)]
    bucket: BucketArgs,
    /// Creates the bucket where it is missing.
    #[arg(long)]
    create_bucket: bool,
}

/// What only the archive can do.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum ArchiveCommand {
    /// Holds the bucket against the stream: what is missing, differs, or is surplus. Needs the right to read messages of the
    /// stream.
    Verify(Box<VerifyArgs>),
    /// Writes a day's sessions as one Parquet file; again writes only what changed.
    #[cfg(feature = "parquet")]
    Compact(Box<CompactArgs>),
    /// Prints the statements that make the archive tables and views of a query engine.
    #[cfg(feature = "parquet")]
    Ddl(DdlArgs),
    /// Not in this program, which was built without Parquet.
    #[cfg(not(feature = "parquet"))]
    #[command(alias = "ddl", hide = true)]
    Compact {
        #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
        arguments: Vec<String>,
    },
}

impl Sink for Archive {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const ABOUT: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const HTTP: &'static str = "127.0.0.1:9101";
    const RENAMED_SETTINGS: &'static [(&'static str, &'static str)] =
        &[("S3_MAX_IN_FLIGHT", "S3_MAX_CONCURRENT_WRITES, and S3_MAX_CONCURRENT_READS for `compact`")];

    type Args = ArchiveArgs;
    type SetupArgs = BucketSetupArgs;
    type Command = ArchiveCommand;

    fn options(args: &ArchiveArgs) -> SinkOptions {
        SinkOptions {
            max_batch: 1,
            linger: Duration::ZERO,
            max_concurrent_writes: args.max_concurrent_writes.into(),
            write_timeout: WRITE_TIMEOUT,
        }
    }

    fn write_timeout(_: &BucketSetupArgs) -> Duration {
        WRITE_TIMEOUT
    }

    async fn connect(args: ArchiveArgs) -> anyhow::Result<Self> {
        Ok(Self::new(args.bucket.connect().await?, args.if_exists)?)
    }

    async fn setup(args: BucketSetupArgs) -> anyhow::Result<()> {
        args.bucket.connect().await?.setup(args.create_bucket).await
    }

    /// Puts an object and removes it, unless nothing may be written.
    async fn check(args: ArchiveArgs, read_only: bool) -> anyhow::Result<Vec<Check>> {
        Ok(check_bucket(&args.bucket.connect().await?, read_only).await)
    }
}

impl FurtherCommands for ArchiveCommand {
    async fn execute(self) -> anyhow::Result<()> {
        match self {
            Self::Verify(args) => verify(*args).await,
            #[cfg(feature = "parquet")]
            Self::Compact(args) => compact(*args).await,
            #[cfg(feature = "parquet")]
            Self::Ddl(args) => ddl::print(&args),
            #[cfg(not(feature = "parquet"))]
            Self::Compact { .. } => {
                anyhow::bail!(
                    "this sink-s3 was built for the demo, without Parquet: run «cargo build --workspace --bin sink-s3»"
                )
            }
        }
    }
}
