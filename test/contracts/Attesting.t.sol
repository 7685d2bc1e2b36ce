// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IRewardsDistributor} from "../../contracts/IRewardsDistributor.sol";
import {ContractWallet} from "./support/Actors.sol";
import {DistributorTest} from "./support/DistributorTest.sol";
import {IPool, newPool} from "./support/Pool.sol";
import {Signing} from "./support/Signing.sol";
import {vm} from "./support/Vm.sol";

contract AttestingTest is DistributorTest {
    IRewardsDistributor.EpochRecord private record;
    /// Keys of three attestors, ascending by address.
    uint256[] private keys;

    function setUp() public override {
        super.setUp();
        vm.deal(address(distributor), 100);
        record = recordOf(keccak256("root"), ETH, 100);
        keys = Signing.ascending([uint256(11), 12, 13]);
        bytes32 role = distributor.ATTESTOR();
        for (uint256 i; i < 3; ++i) {
            vm.prank(ADMIN);
            distributor.grantRole(role, vm.addr(keys[i]));
        }
        vm.prank(ADMIN);
        distributor.setAttestationQuorum(2);
    }

    function attest(uint256 key) private view returns (bytes memory) {
        return abi.encodePacked(vm.addr(key), Signing.sign(key, Signing.recordDigest(distributor, record)));
    }

    function list(bytes memory a, bytes memory b) private pure returns (bytes[] memory attestations) {
        attestations = new bytes[](2);
        (attestations[0], attestations[1]) = (a, b);
    }

    function refuse(bytes[] memory attestations, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(POSTER);
        distributor.postEpoch(record, attestations);
    }

    function accept(bytes[] memory attestations) private {
        vm.prank(POSTER);
        distributor.postEpoch(record, attestations);
        eq(distributor.latestEpoch(), 1);
    }

    /// The first attestation is sound, the second is refused as not being of `signer`.
    function refuseSecond(bytes memory second, address signer) private {
        bytes memory reason = abi.encodeWithSelector(IRewardsDistributor.InvalidSignature.selector, signer);
        refuse(list(attest(keys[0]), second), reason);
    }

    function test_GivenFewerThanTheQuorum_WhenPosted_ItReverts() external {
        bytes4 selector = IRewardsDistributor.QuorumNotReached.selector;
        refuse(new bytes[](0), abi.encodeWithSelector(selector, 0, 2));
        bytes[] memory single = new bytes[](1);
        single[0] = attest(keys[0]);
        refuse(single, abi.encodeWithSelector(selector, 1, 2));
    }

    function test_GivenTheQuorumOrMore_WhenPosted_ItStands() external {
        bytes[] memory all = new bytes[](3);
        for (uint256 i; i < 3; ++i) all[i] = attest(keys[i]);
        accept(all);
    }

    function test_GivenOneSignerTwice_WhenPosted_ItReverts() external {
        address first = vm.addr(keys[0]);
        bytes memory twice = attest(keys[0]);
        bytes4 selector = IRewardsDistributor.AttestorsNotAscending.selector;
        refuse(list(twice, twice), abi.encodeWithSelector(selector, first, first));
    }

    function test_GivenSignersDescending_WhenPosted_ItReverts() external {
        bytes4 selector = IRewardsDistributor.AttestorsNotAscending.selector;
        bytes memory reason = abi.encodeWithSelector(selector, vm.addr(keys[0]), vm.addr(keys[1]));
        refuse(list(attest(keys[1]), attest(keys[0])), reason);
    }

    function test_GivenAnAttestorThatIsNotOne_WhenPosted_ItReverts() external {
        bytes32 role = distributor.ATTESTOR();
        bytes[] memory attestations = list(attest(keys[0]), attest(keys[1]));
        vm.prank(ADMIN);
        distributor.revokeRole(role, vm.addr(keys[1]));
        bytes4 selector = IAccessControl.AccessControlUnauthorizedAccount.selector;
        refuse(attestations, abi.encodeWithSelector(selector, vm.addr(keys[1]), role));
    }

    function test_GivenASignatureOfAnotherKey_WhenPosted_ItReverts() external {
        address claimed = vm.addr(keys[1]);
        bytes memory forged = Signing.sign(keys[2], Signing.recordDigest(distributor, record));
        refuseSecond(abi.encodePacked(claimed, forged), claimed);
    }

    function test_GivenASignatureOfAnotherRecord_WhenPosted_ItReverts() external {
        bytes memory second = attest(keys[1]);
        record.manifestHash = keccak256("another");
        refuseSecond(second, vm.addr(keys[1]));
        record.manifestHash = keccak256("manifest");
        accept(list(attest(keys[0]), second));
    }

    function test_GivenASignatureOfAnotherEpoch_WhenPosted_ItReverts() external {
        record.epoch = 2;
        bytes memory second = attest(keys[1]);
        record.epoch = 1;
        refuseSecond(second, vm.addr(keys[1]));
    }

    function test_GivenASignatureForAnotherContract_WhenPosted_ItReverts() external {
        IPool other = newPool(ADMIN, 0, POSTER, GUARDIAN, DELAY);
        bytes memory signature = Signing.sign(keys[1], Signing.recordDigest(other, record));
        refuseSecond(abi.encodePacked(vm.addr(keys[1]), signature), vm.addr(keys[1]));
    }

    function test_GivenASignatureForAnotherChain_WhenPosted_ItReverts() external {
        bytes32 digest = Signing.recordDigest(distributor, record, block.chainid + 1);
        refuseSecond(abi.encodePacked(vm.addr(keys[1]), Signing.sign(keys[1], digest)), vm.addr(keys[1]));
    }

    function test_GivenAMalleatedSignature_WhenPosted_ItReverts() external {
        bytes memory mirrored = Signing.malleate(Signing.sign(keys[1], Signing.recordDigest(distributor, record)));
        refuseSecond(abi.encodePacked(vm.addr(keys[1]), mirrored), vm.addr(keys[1]));
    }

    function test_GivenATornAttestation_WhenPosted_ItReverts() external {
        refuseSecond(abi.encodePacked(vm.addr(keys[1]), hex"1234"), vm.addr(keys[1]));
        refuseSecond(abi.encodePacked(vm.addr(keys[1])), vm.addr(keys[1]));
        bytes4 selector = IRewardsDistributor.AttestorsNotAscending.selector;
        refuse(list("", ""), abi.encodeWithSelector(selector, address(0), address(0)));
    }

    function test_GivenAContractWallet_WhenItsOwnerSigned_ItStands() external {
        ContractWallet wallet = new ContractWallet(vm.addr(99));
        bytes32 role = distributor.ATTESTOR();
        vm.prank(ADMIN);
        distributor.grantRole(role, address(wallet));
        bytes32 digest = Signing.recordDigest(distributor, record);
        bytes memory sound = abi.encodePacked(address(wallet), Signing.sign(99, digest));
        bytes memory forged = abi.encodePacked(address(wallet), Signing.sign(98, digest));
        bytes memory key = attest(keys[0]);
        bool first = address(wallet) < vm.addr(keys[0]);
        bytes memory reason = abi.encodeWithSelector(IRewardsDistributor.InvalidSignature.selector, address(wallet));
        refuse(first ? list(forged, key) : list(key, forged), reason);
        accept(first ? list(sound, key) : list(key, sound));
    }

    function test_GivenAnyoneElse_WhenSettingTheQuorum_ItReverts() external {
        bytes4 selector = IAccessControl.AccessControlUnauthorizedAccount.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, POSTER, bytes32(0)));
        vm.prank(POSTER);
        distributor.setAttestationQuorum(0);
        eq(distributor.attestationQuorum(), 2);
    }

    function test_GivenTheAdmin_WhenSettingTheQuorum_ItIsReported() external {
        vm.expectEmit(true, true, true, true, address(distributor));
        emit IRewardsDistributor.AttestationQuorumSet(0);
        vm.prank(ADMIN);
        distributor.setAttestationQuorum(0);
        accept(new bytes[](0));
    }
}
