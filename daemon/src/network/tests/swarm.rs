//! Nodes that behave: they find each other, notice changes, and say goodbye.

use crate::network::fixtures::Node;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_find_each_other() {
    let first = Node::start(&[]).await;
    let second = Node::start(&[&first.address]).await;
    let third = Node::start(&[&first.address]).await;
    for (n, node) in [&first, &second, &third].into_iter().enumerate() {
        node.announce(["a", "b", "c"][n], n).await;
    }
    for node in [&first, &second, &third] {
        node.sees(&["a", "b", "c"]).await;
    }
}
