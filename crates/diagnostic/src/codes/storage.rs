//! `B`: buckets and folders: locations, credentials, requests.

codes! {
    B1001, Configuration, "A storage location cannot be understood";
    B1002, Configuration, "A storage option does not fit";
    B1003, Configuration, "There are no credentials for an object store";
    B2001, Configuration, "A bucket or an object does not exist";
    B2002, Access, "An object store refuses access";
    B2003, DestinationOutage, "An object store did not answer, or not properly";
    B3001, Configuration, "An object store ignores conditional writes";
}
