// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRewardsDistributor} from "../../contracts/IRewardsDistributor.sol";
import {ContractWallet} from "./support/Actors.sol";
import {DistributorTest} from "./support/DistributorTest.sol";
import {IPool, newPool} from "./support/Pool.sol";
import {Signing} from "./support/Signing.sol";
import {Token} from "./support/Tokens.sol";
import {vm} from "./support/Vm.sol";

contract RecipientsTest is DistributorTest {
    uint256 private constant KEY = 77;
    address private constant ELSEWHERE = address(0xE15E);
    uint256 private constant DEADLINE = START + 1 hours;

    function permission(uint256 nonce) private pure returns (Signing.Permission memory) {
        return Signing.Permission(vm.addr(KEY), ELSEWHERE, nonce, DEADLINE);
    }

    function signed(uint256 key, uint256 nonce) private view returns (bytes memory) {
        return Signing.sign(key, Signing.recipientDigest(distributor, permission(nonce), block.chainid));
    }

    function refuse(address who, bytes memory signature) private {
        vm.expectRevert(abi.encodeWithSelector(IRewardsDistributor.InvalidSignature.selector, who));
        distributor.setRecipientWithSig(who, ELSEWHERE, DEADLINE, signature);
        eq(distributor.recipientOf(who), who);
    }

    function test_GivenARecipient_WhenClaimed_EveryAssetGoesThereAndZeroResets() external {
        Token token = new Token();
        token.mint(address(distributor), 1000);
        eq(distributor.recipientOf(account(0)), account(0));
        vm.expectEmit(true, true, true, true, address(distributor));
        emit IRewardsDistributor.RecipientSet(account(0), ELSEWHERE);
        vm.prank(account(0));
        distributor.setRecipient(ELSEWHERE);
        eq(distributor.recipientOf(account(0)), ELSEWHERE);
        IRewardsDistributor.Leaf[] memory leaves = ladder(1, ETH, 1);
        postActive(leaves);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit IRewardsDistributor.Claimed(account(0), ETH, ELSEWHERE, 1, 100, 100);
        distributor.claim(1, leaves[0], new bytes32[](0));
        eq(ELSEWHERE.balance, 100);
        leaves = one(leaf(account(0), address(token), 1000));
        post(withTotal(recordOf(keccak256(abi.encodePacked(keccak256(abi.encode(leaves[0])))), ETH, 100), address(token), 1000));
        vm.warp(START + 2 * uint256(DELAY));
        distributor.claim(2, leaves[0], new bytes32[](0));
        eq(token.balanceOf(ELSEWHERE), 1000);
        vm.prank(account(0));
        distributor.setRecipient(address(0));
        eq(distributor.recipientOf(account(0)), account(0));
        // What was received is not touched by a change of recipient.
        eq(distributor.claimed(account(0), ETH), 100);
        eq(distributor.claimed(account(0), address(token)), 1000);
    }

    function test_GivenTheDistributorAsRecipient_WhenSet_ItReverts() external {
        bytes memory reason =
            abi.encodeWithSelector(IRewardsDistributor.InvalidRecipient.selector, address(distributor));
        vm.expectRevert(reason);
        vm.prank(account(0));
        distributor.setRecipient(address(distributor));
    }

    function test_GivenASignature_WhenAnyoneSendsIt_TheRecipientIsSetOnce() external {
        bytes memory signature = signed(KEY, 0);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit IRewardsDistributor.RecipientSet(vm.addr(KEY), ELSEWHERE);
        vm.prank(ANYONE);
        distributor.setRecipientWithSig(vm.addr(KEY), ELSEWHERE, DEADLINE, signature);
        eq(distributor.recipientOf(vm.addr(KEY)), ELSEWHERE);
        eq(distributor.nonces(vm.addr(KEY)), 1);
        // Replayed: its nonce is used.
        vm.prank(vm.addr(KEY));
        distributor.setRecipient(address(0));
        refuse(vm.addr(KEY), signature);
    }

    function test_GivenAPermissionSignedBeforeAnOwnChange_WhenSent_ItIsVoid() external {
        bytes memory signature = signed(KEY, 0);
        vm.prank(vm.addr(KEY));
        distributor.setRecipient(address(0));
        refuse(vm.addr(KEY), signature);
    }

    function test_GivenTheDeadline_WhenSent_ItHoldsToItsLastSecond() external {
        bytes memory signature = signed(KEY, 0);
        vm.warp(DEADLINE + 1);
        bytes4 selector = IRewardsDistributor.SignatureExpired.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, DEADLINE, DEADLINE + 1));
        distributor.setRecipientWithSig(vm.addr(KEY), ELSEWHERE, DEADLINE, signature);
        vm.warp(DEADLINE);
        distributor.setRecipientWithSig(vm.addr(KEY), ELSEWHERE, DEADLINE, signature);
        eq(distributor.recipientOf(vm.addr(KEY)), ELSEWHERE);
    }

    function test_GivenAnotherKeyNonceChainOrContract_WhenSent_ItReverts() external {
        address who = vm.addr(KEY);
        refuse(who, signed(KEY + 1, 0));
        refuse(who, signed(KEY, 1));
        refuse(who, Signing.sign(KEY, Signing.recipientDigest(distributor, permission(0), block.chainid + 1)));
        IPool other = newPool(ADMIN, 0, POSTER, GUARDIAN, DELAY);
        refuse(who, Signing.sign(KEY, Signing.recipientDigest(other, permission(0), block.chainid)));
    }

    function test_GivenAnotherRecipientOrDeadlineThanSigned_WhenSent_ItReverts() external {
        address who = vm.addr(KEY);
        bytes memory signature = signed(KEY, 0);
        bytes memory reason = abi.encodeWithSelector(IRewardsDistributor.InvalidSignature.selector, who);
        vm.expectRevert(reason);
        distributor.setRecipientWithSig(who, ANYONE, DEADLINE, signature);
        vm.expectRevert(reason);
        distributor.setRecipientWithSig(who, ELSEWHERE, DEADLINE + 1, signature);
    }

    function test_GivenAMalleatedOrTornSignature_WhenSent_ItReverts() external {
        refuse(vm.addr(KEY), Signing.malleate(signed(KEY, 0)));
        refuse(vm.addr(KEY), hex"00");
        refuse(vm.addr(KEY), "");
    }

    function test_GivenTheZeroAddress_WhenSent_ItReverts() external {
        vm.expectRevert(abi.encodeWithSelector(IRewardsDistributor.InvalidSignature.selector, address(0)));
        distributor.setRecipientWithSig(address(0), ELSEWHERE, DEADLINE, signed(KEY, 0));
        vm.expectRevert(abi.encodeWithSelector(IRewardsDistributor.InvalidSignature.selector, address(0)));
        distributor.setRecipientWithSig(address(0), ELSEWHERE, DEADLINE, new bytes(65));
    }

    function test_GivenAContractWallet_WhenItsOwnerSigned_TheRecipientIsSet() external {
        address wallet = address(new ContractWallet(vm.addr(KEY)));
        Signing.Permission memory given = Signing.Permission(wallet, ELSEWHERE, 0, DEADLINE);
        bytes32 digest = Signing.recipientDigest(distributor, given, block.chainid);
        refuse(wallet, Signing.sign(KEY + 1, digest));
        distributor.setRecipientWithSig(wallet, ELSEWHERE, DEADLINE, Signing.sign(KEY, digest));
        eq(distributor.recipientOf(wallet), ELSEWHERE);
    }

    function test_GivenTheDistributorSignedAsRecipient_WhenSent_ItReverts() external {
        address self = address(distributor);
        Signing.Permission memory given = Signing.Permission(vm.addr(KEY), self, 0, DEADLINE);
        bytes memory signature =
            Signing.sign(KEY, Signing.recipientDigest(distributor, given, block.chainid));
        vm.expectRevert(abi.encodeWithSelector(IRewardsDistributor.InvalidRecipient.selector, self));
        distributor.setRecipientWithSig(vm.addr(KEY), self, DEADLINE, signature);
    }
}
