//! What kind of failure an error is, and what follows from it for callers and machines.

/// The kind of a failure. It decides exit code, HTTP status, SQLSTATE and retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The user asked for something that cannot be done: bad SQL, an unknown name, a bad flag.
    UserInput,
    /// The project's files do not make sense.
    Configuration,
    /// The principal may not do this.
    Access,
    /// A source system did not answer, or not properly.
    SourceOutage,
    /// A destination or store did not answer, or not properly.
    DestinationOutage,
    /// The data is not what was promised.
    Data,
    /// Memory, disk, time or another limit ran out.
    Resource,
    /// Somebody else changed or holds the same thing.
    Conflict,
    /// A defect in Sluice.
    Internal,
}

impl Class {
    /// Process exit code when this error ends a command: 2 if the work could not start because of
    /// what the user wrote, 1 if it ran and failed (DESIGN §2).
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::UserInput | Self::Configuration => 2,
            _ => 1,
        }
    }

    /// Status of an HTTP answer that carries this error.
    #[must_use]
    pub fn http_status(self) -> u16 {
        match self {
            Self::UserInput => 400,
            Self::Configuration | Self::Data => 422,
            Self::Access => 403,
            Self::SourceOutage | Self::DestinationOutage => 502,
            Self::Resource => 503,
            Self::Conflict => 409,
            Self::Internal => 500,
        }
    }

    /// SQLSTATE for SQL clients (classes of ISO/IEC 9075-2, `XX000` as PostgreSQL uses it).
    #[must_use]
    pub fn sqlstate(self) -> &'static str {
        match self {
            Self::UserInput => "42000",
            Self::Configuration => "F0000",
            Self::Access => "42501",
            Self::SourceOutage | Self::DestinationOutage => "08006",
            Self::Data => "22000",
            Self::Resource => "53000",
            Self::Conflict => "40001",
            Self::Internal => "XX000",
        }
    }

    /// Whether the same attempt may succeed later without anybody changing anything.
    #[must_use]
    pub fn retryable(self) -> bool {
        matches!(
            self,
            Self::SourceOutage | Self::DestinationOutage | Self::Conflict | Self::Resource
        )
    }

    /// The class in words, as JSON output shows it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UserInput => "user_input",
            Self::Configuration => "configuration",
            Self::Access => "access",
            Self::SourceOutage => "source_outage",
            Self::DestinationOutage => "destination_outage",
            Self::Data => "data",
            Self::Resource => "resource",
            Self::Conflict => "conflict",
            Self::Internal => "internal",
        }
    }
}
