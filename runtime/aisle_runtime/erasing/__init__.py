"""The deletion of a person from whatever a service keeps: who they are (keyed hashes only), where they are, and when it is done.

`subjects` compares ids by their hashes, `messages` takes people out of events, `stores` out of the runtime's tables, `bundles` out of
the files of a model, `stream` out of the bus. `worker` receives the order, does all of it until it is done, and acknowledges.
"""
