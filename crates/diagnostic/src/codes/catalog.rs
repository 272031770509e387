//! `K`: the catalog: names, versions, publishing.

codes! {
    K1001, Conflict, "A relation was changed by somebody else during the run";
    K1002, Conflict, "Another run is being published";
    K1003, Conflict, "Another run is at work in this project";
    K1004, Internal, "A commit file of another run stands where this run's should go";
    K2001, Resource, "The state file cannot be used";
    K2002, Configuration, "The state file was written by a newer Sluice";
    K2003, DestinationOutage, "A file of the warehouse cannot be read or written";
    K2004, DestinationOutage, "A Delta table cannot be opened or written";
    K2005, Configuration, "The tables are in another place than the settings say";
    K3001, UserInput, "A relation does not exist";
    K3002, UserInput, "A relation exists already";
    K3003, UserInput, "A schema does not exist";
    K3004, UserInput, "A database does not exist";
    K3005, Data, "A column type cannot be stored in a table";
    K3006, UserInput, "Columns do not fit the table";
    K3007, UserInput, "A relation did not exist at that time";
    K3011, UserInput, "A table cannot be partitioned this way";
    K3012, UserInput, "Rows of a table cannot be ordered this way";
    K3013, Data, "A table of another engine cannot be read";
    K3014, UserInput, "A table cannot have a change data feed";
    K3015, UserInput, "The changes of a table are not known";
    K3016, Access, "A role may not do this";
    K4001, DestinationOutage, "An Iceberg table cannot be read or written";
    K4002, Data, "An Iceberg table has what is not supported";
    K4003, DestinationOutage, "An Iceberg catalog cannot be used";
    K4004, Conflict, "An Iceberg table was changed by another engine";
    K4005, Conflict, "An Iceberg catalog's entry was changed by somebody else";
}
