mod demo_upstream;
mod wire_corpus;
