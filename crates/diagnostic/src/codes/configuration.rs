//! `C`: the project's files and the command line.

codes! {
    C0001, Configuration, "A project file is not valid YAML";
}
