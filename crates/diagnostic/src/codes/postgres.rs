//! `P`: PostgreSQL as a source.

codes! {
    P1001, SourceOutage, "A PostgreSQL server cannot be reached, or the connection broke";
    P1002, Access, "A PostgreSQL server does not let the user in";
    P1003, Configuration, "A connection cannot be encrypted as asked";
    P1004, Configuration, "A PostgreSQL server refused a statement";
    P1005, SourceOutage, "A PostgreSQL server said something that was not understood";
    P2001, Configuration, "A stream reads a table that is not there";
    P2002, Configuration, "A stream names a column that is not there";
    P2003, Configuration, "A stream has no key to tell its rows apart";
    P2004, Configuration, "Two columns of a stream have one name";
    P2005, Data, "A value does not fit the type of its column";
    P2006, Conflict, "A column of a stream has changed its type";
    P2007, Data, "The shape of a table changed, which its contract does not allow";
    P3001, Configuration, "A PostgreSQL server is not set up for change data capture";
    P3002, Conflict, "A replication slot is in use by another process";
    P3003, Data, "Changes are missing: a replication slot is lost or was moved";
    P3004, Data, "A change cannot be applied";
    P3005, Configuration, "A publication does not cover a table";
    P3006, Data, "A source is further behind its server than its alarm allows";
}
