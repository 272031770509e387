//! `C`: the project's files and the command line.

codes! {
    C0001, Configuration, "A project file is not valid YAML";
    C0002, Configuration, "A value in a project file is missing or does not fit";
    C0003, Configuration, "A project file has an unknown key";
    C0004, Configuration, "The folder holds no project";
    C0005, Configuration, "A project file cannot be read";
    C0006, Configuration, "A variable of the environment is not set";
    C0007, Configuration, "A name stands for two things";
    C0008, Configuration, "A name refers to something that does not exist";
    C0009, UserInput, "The environment is not one of the project's";
    C0010, Configuration, "Settings of a dataset contradict each other";
    C0011, UserInput, "No error has this code";
    C0012, Resource, "The output cannot be written";
    C0013, UserInput, "The statements cannot be read";
    C0014, UserInput, "An argument of a command cannot be read";
    C0015, UserInput, "A project file would be replaced";
    C0100, UserInput, "The folder is not empty";
    C0101, UserInput, "The folder holds another demo";
    C0102, Resource, "The demo cannot be written";
    C0103, UserInput, "The demo's options make no sense";
}
