//! `W`: webhooks, events that other systems send.

codes! {
    W1001, Configuration, "The address of a server cannot be listened at";
    W1002, Conflict, "Another process takes in the events of a stream";
    W1003, Resource, "Events cannot be kept";
}
