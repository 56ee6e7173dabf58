//! Compiles the .proto files without a protoc binary (protox) and keeps the descriptor set for its golden test.

use prost::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const FILES: [&str; 6] = [
        "polymath/v1/advert.proto",
        "polymath/v1/task.proto",
        "polymath/v1/audit.proto",
        "polymath/v1/attestation.proto",
        "polymath/v1/receipt.proto",
        "polymath/v1/node.proto",
    ];
    println!("cargo:rerun-if-changed=polymath");
    let descriptors = protox::compile(FILES, ["."])?;
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    let services = std::env::var_os("CARGO_FEATURE_SERVICES").is_some();
    tonic_prost_build::configure().build_client(services).build_server(services).compile_fds(descriptors)?;
    Ok(())
}
