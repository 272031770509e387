//! `C`: the project's files and the command line.

codes! {
    C0001, Configuration, "A project file is not valid YAML";
    C0002, Configuration, "The folder holds no project";
    C0003, Configuration, "A project file cannot be read";
    C0004, Configuration, "A key is unknown";
    C0005, Configuration, "A key is missing";
    C0006, Configuration, "A value is not what its key takes";
    C0007, Configuration, "A variable of the environment is not set";
    C0008, Configuration, "A name stands for two things";
    C0009, Configuration, "A name refers to something that does not exist";
    C0010, UserInput, "The environment is not one of the project's";
    C0011, Configuration, "Settings of a dataset contradict each other";
}
