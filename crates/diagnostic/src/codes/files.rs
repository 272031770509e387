//! `F`: files: finding, decoding and reading them.

codes! {
    F1001, SourceOutage, "A file could not be read";
    F1002, DestinationOutage, "A copy of a file could not be written to the raw zone";
    F1003, Configuration, "A file pattern is not valid";
    F1004, Configuration, "The folder of a file pattern does not exist";
    F1005, Conflict, "A file changed while it was read";
    F1006, Data, "A file has another content than when it was loaded";
    F1007, Data, "A file is not what its manifest says";
    F1008, Data, "A copy in the raw zone is damaged";
    F1009, UserInput, "A place holds nothing that can be read as rows";
    F2001, Data, "A packed file is damaged or cut off";
    F2002, Data, "A file is of a kind that cannot be read as rows";
    F2003, Data, "A file is not in the declared encoding";
    F2004, Configuration, "An encoding has an unknown name";
    F2005, Data, "A file is not JSON with an object for each row";
    F2006, Data, "The objects of a file have too many keys";
    F2007, Data, "A member of an archive cannot be read";
    F3001, Data, "A file is empty";
    F3002, Data, "A file is not separated by the declared delimiter";
    F3003, Data, "A header names a column twice";
    F3004, Data, "A header names none of the expected columns";
    F3005, Data, "The first line of a file is no header";
    F3007, Configuration, "A CSV format contradicts itself";
    F3008, Data, "A workbook does not have the sheet";
}
