// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IRewardsDistributor} from "../../contracts/IRewardsDistributor.sol";
import {Reentrant} from "./support/Actors.sol";
import {DistributorTest} from "./support/DistributorTest.sol";
import {ReentrantToken} from "./support/Tokens.sol";
import {Tree} from "./support/Tree.sol";
import {vm} from "./support/Vm.sol";

/// A receiver that holds every role is called in the middle of a claim: no function that touches money lets it in.
contract GuardingTest is DistributorTest {
    Reentrant private receiver = new Reentrant();
    IRewardsDistributor.Leaf[] private leaves;

    function setUp() public override {
        super.setUp();
        bytes32 poster = distributor.POSTER();
        bytes32 guardian = distributor.GUARDIAN();
        vm.prank(ADMIN);
        distributor.grantRole(poster, address(receiver));
        vm.prank(ADMIN);
        distributor.grantRole(guardian, address(receiver));
        vm.prank(ADMIN);
        distributor.beginDefaultAdminTransfer(address(receiver));
        vm.warp(START + 2 days + 1);
        vm.prank(address(receiver));
        distributor.acceptDefaultAdminTransfer();
        leaves.push(leaf(account(1), ETH, 100));
        leaves.push(leaf(address(receiver), ETH, 200));
        postLeaves(leaves);
        vm.warp(START + 4 days);
        vm.deal(address(distributor), 10_000);
    }

    function isKeptOut(bytes memory call_) private {
        receiver.arm(address(distributor), call_);
        eq(claimAll(1, leaves), 2);
        yes(receiver.tried() && !receiver.succeeded());
        bytes memory expected =
            abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        eq(keccak256(receiver.answer()), keccak256(expected));
        eq(claimedOf(ETH), 300);
    }

    function test_GivenAClaimUnderWay_WhenClaiming_ItIsKeptOut() external {
        isKeptOut(abi.encodeCall(distributor.claim, (1, leaves[1], Tree.proof(leaves, 1))));
    }

    function test_GivenAClaimUnderWay_WhenClaimingABatch_ItIsKeptOut() external {
        uint256[] memory chosen = new uint256[](2);
        chosen[1] = 1;
        (IRewardsDistributor.Leaf[] memory taken, bytes32[] memory proof, bool[] memory flags) =
            Tree.multiproof(leaves, chosen);
        isKeptOut(abi.encodeCall(distributor.claimBatch, (1, taken, proof, flags)));
    }

    function test_GivenAClaimUnderWay_WhenPosting_ItIsKeptOut() external {
        isKeptOut(abi.encodeCall(distributor.postEpoch, (recordOf(keccak256("root"), ETH, 400), new bytes[](0))));
    }

    function test_GivenAClaimUnderWay_WhenRevoking_ItIsKeptOut() external {
        IRewardsDistributor.EpochRecord memory first = posted;
        post(recordOf(keccak256("root"), ETH, 400));
        isKeptOut(abi.encodeCall(distributor.revokeFrom, (2, first)));
    }

    function test_GivenAClaimUnderWay_WhenWithdrawing_ItIsKeptOut() external {
        isKeptOut(abi.encodeCall(distributor.withdrawSurplus, (ETH, ANYONE, 1)));
    }

    function test_GivenAClaimUnderWay_WhenFunding_ItIsKeptOut() external {
        isKeptOut(abi.encodeCall(distributor.fund, (ETH, 0)));
    }

    function test_GivenFundingUnderWay_WhenATokenEntersAgain_ItIsKeptOut() external {
        ReentrantToken token = new ReentrantToken();
        token.mint(ANYONE, 50);
        token.arm(address(distributor), abi.encodeCall(distributor.fund, (address(token), 0)));
        vm.prank(ANYONE);
        eq(distributor.fund(address(token), 50), 50);
        yes(token.tried() && !token.succeeded());
    }

    function test_GivenAWithdrawalUnderWay_WhenTheTargetEntersAgain_ItIsKeptOut() external {
        receiver.arm(address(distributor), abi.encodeCall(distributor.withdrawSurplus, (ETH, ANYONE, 1)));
        vm.prank(address(receiver));
        distributor.withdrawSurplus(ETH, address(receiver), 10);
        yes(receiver.tried() && !receiver.succeeded());
    }

    /// What is not guarded may be called in the middle of a claim and changes nothing of it.
    function test_GivenAClaimUnderWay_WhenTheReceiverMovesItsRecipient_ThePaymentIsNotMoved() external {
        receiver.arm(address(distributor), abi.encodeCall(distributor.setRecipient, (account(9))));
        eq(claimAll(1, leaves), 2);
        yes(receiver.succeeded());
        eq(distributor.recipientOf(address(receiver)), account(9));
        eq(distributor.claimed(address(receiver), ETH), 200);
        eq(address(receiver).balance, 200);
    }
}
