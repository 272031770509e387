//! `T`: running dbt nodes: materialisations, tests, seeds.

codes! {
    T1001, Configuration, "An incremental strategy is not supported";
    T1002, Configuration, "A value of on_schema_change is not known";
    T1003, Data, "An incremental model's columns changed";
    T1004, Data, "A snapshot's table is no snapshot";
    T1005, Configuration, "A materialisation is not supported";
    T1006, Configuration, "A snapshot's configuration is incomplete";
    T1007, Data, "A model breaks its contract";
    T1008, Configuration, "A microbatch model's configuration is incomplete";
    T1009, Configuration, "A Python model cannot be run";
    T1010, Configuration, "A Python model failed";
    T1011, Configuration, "A setting cannot be kept";
    T2001, Data, "A test gives no number of failures";
    T2002, Data, "A test failed";
    T2003, Data, "A source's freshness cannot be told";
    T3001, Data, "A seed cannot be read";
}
