//! `W`: webhooks, events that other systems send.

codes! {
    W1001, Configuration, "The address of a server cannot be listened at";
    W1002, Conflict, "Another process serves this project";
    W1003, Resource, "Events cannot be kept";
    W1004, Configuration, "A certificate or key of the server cannot be used";
}
